"""Jobs over images and point sets: the phases that differ from a table's, and the modalities.

May import ``workers.context`` and what the phases of tables share; knows no supervisor.
"""
