"""The phases as images and point sets need them. A name that is missing here is skipped."""
