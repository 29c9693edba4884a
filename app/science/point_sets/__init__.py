"""Point sets without their order: from clouds of points to one exported network, without SGD.

Shape letters: n sets, k points of a set, d positions, f further channels of a point, q columns of
a point's description, m motifs.
"""
