"""Contexts of the motion section: for each decision the probabilities of the answer 0 with which a section begins.

Fitted once to fields that the search found in training clips at qp 10 to 54; part of the format, so they never change. The last two decisions came with
version 1.2 and are made once a section; the others are as in version 1.1.
"""
from __future__ import annotations

CONTEXTS: tuple[tuple[str, tuple[tuple[int, int], ...]], ...] = (
    ("no_copy_map", ((192, 0),)),
    ("not_copied", ((199, 2), (80, 2), (158, 14), (41, 10), (177, 14), (74, 27), (75, 3), (16, 10))),
    ("split_32", ((179, 5), (109, 7), (50, 10), (251, 27), (229, 10), (222, 3))),
    ("split_16", ((195, 19), (151, 19), (100, 10))),
    ("not_merged", ((238, 2), (225, 14), (239, 0), (197, 19), (128, 0), (176, 10), (218, 7), (206, 19), (230,
        19), (186, 14), (161, 27), (162, 27), (168, 27), (217, 14), (128, 0), (204, 10), (128, 0), (177, 5))),
    ("merge_number", ((173, 14), (175, 10), (172, 7), (219, 5), (143, 27), (174, 19), (162, 19), (191, 10),
        (134, 27), (170, 19), (152, 19), (173, 27))),
    ("difference", ((71, 27), (53, 27), (46, 27), (114, 19), (74, 27), (55, 19), (19, 27), (24, 27), (21,
        27))),
    ("negative", ((124, 27), (120, 27))),
    ("length", ((116, 5), (112, 7), (121, 10), (151, 7), (155, 5), (160, 19), (73, 19), (100, 19), (136, 14),
        (162, 10), (182, 7), (170, 19), (32, 27), (49, 19), (72, 19), (109, 14), (138, 7), (174, 10))),
    ("second_bit", ((134, 27), (131, 27), (145, 27), (153, 27), (156, 19), (175, 27))),
    ("other_filter", ((128, 0), (212, 0), (206, 0))),
    ("other_overlap", ((24, 0), (110, 0), (250, 0))),
)
"""Name of a decision, and of each of its contexts: probability in 1/256, and count, how many answers it stands for."""

RATES = tuple((655360 + 5 * n + 8) // (10 * n + 16) for n in range(40))
"""Step of a context that has seen n answers, in 1/65536: 1 / (n + 1.6). The last one stays."""
