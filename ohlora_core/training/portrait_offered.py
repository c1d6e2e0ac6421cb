"""The faces offered to choose from, as art-directed looks. Data only."""

from __future__ import annotations

LOOK_NUMBERS: dict[str, int] = {
    "width": 0,
    "jaw": 1,
    "skin": 2,
    "eye_size": 3,
    "eye_height": 4,
    "tilt": 5,
    "iris": 6,
    "brow": 7,
    "arch": 8,
    "lips": 9,
    "hair": 10,
    "tint": 11,
    "length": 12,
    "wave": 13,
    "volume": 14,
    "part": 15,
    "fringe": 16,
    "tied": 17,
    "clothes": 19,
    "garment": 20,
    "tone": 21,
    "backdrop": 22,
    "accent": 23,
}
"""Which score carries which look."""


_COLUMNS = (
    *("skin", "iris", "tilt", "jaw", "eye_height", "lips"),
    *("hair", "tint", "length", "wave", "part", "fringe", "tied", "volume"),
    *("clothes", "garment", "accent", "backdrop", "tone"),
)

# Per cent of all faces that have less of the look. Fringe 6 away, 40 curtains, 90 full; tied 30
# open, 95 tied; garment 6 knit, 37 blouse, 63 hoodie, 94 cardigan; backdrop 6 window light,
# 37 bokeh, 63 sunset, 94 aurora; length 10 bob, 40 shoulder, 60 half long, 90 long; tint 5 ash,
# 50 natural, 95 rose. Where each kind begins: KIND_EDGES of portrait_identity.
_TABLE = """
#   skn irs tlt jaw eye lip|har tnt len wav prt frg tie vol|clo gar acc bck ton
 1   12  95  52  42  72  40  30  55  92  58  60  40  30  60   5  94  96  94   5
 2   30  10  72  30  42  70   8  10  10   6  50  90  30  40  29   6  10   6   5
 3   10  80  50  70  78  20  94  50  90  80  70  40  30  80  57  37   4  37  36
 4   60  20  28  50  24  50  45  55  50  10  15  40  95  50  86  37  40  63   8
 5   15  60  96  10  60  30  72  96  80  90  50  90  30  90   5  63  20  37  70
 6   40   4   6  60  42  80  10  45  95   4  50   6  30  20  96  94   4  63  95
 7   85  35  50  90  60  50  60  50   8  85  80  40  30  70  71  63  40  37  95
 8    5  96  72   4  42  20  90   4  94   8  35  90  30  40  43  37  96  94  90
 9   50  15  83  80  78  60  40  60  60  20  90   6  95  50   5   6  20   6  60
10   25  55  28  30  51  30  10   4  25  30  20  40  30  50  57   6  60  94   5
11   10  25  50  96  96  40  76  50   5  10  50  90  30  70  14  37  60  37  70
12   70  30  94  20  33  90  40  94  93  94  30  40  30  90  86  94  40  63  50
13   35  75  39  60  60  20  18  30  70   6  50  90  95  40  71  37  15   6  35
14   20  12  61  40  42  50  62  55  94  50  85   6  30  60  43   6  60  37   5
15    5  85  72  30  78  10  96  60  40  20  50  90  30  50  57  63  80  94  50
16   90   8  28  70  51  60  14  50  90  96  55  40  30  95  29  94  40  37  85
17   30  50  96   4  33  80  34  97  12   5  85  40  30  30  29  37  40  63  25
18   15  20  17  96  69  30  78  52  90  40  50  90  30  70   5   6  40  63  95
19   45  90  61  50  60  40   6   6  92  30  20   6  95  50  14  94  96  94  95
20   20  65  50  40  78  20  96  97  20  60  50  90  30  70  43  63  20   6  96
21   60  15  72  70  42  60  36  88  40  85  30  40  30  70  71  37  40   6  40
22   10  70  39  10  60  30  95   4  10  40  70  40  30  60  86  63  60  37  95
23   35  30  83  50  78  50  90  84  90  15  15  90  95  60  29  63   4  37  36
24   25  45  61  30  60  70  88  75  93  95  50  40  30  90   5  94  20  63  40
"""

OFFERED_LOOKS: dict[int, dict[str, float]] = {
    int(number): {name: int(cell) / 100.0 for name, cell in zip(_COLUMNS, cells, strict=True)}
    for number, *cells in (line.split() for line in _TABLE.splitlines()[2:])
}
"""Named looks of each face number, as shares 0..1 of all faces; the score of a look is the normal
quantile of its share, 0 for a look not named. Number 1 is Oh-LoRA herself."""
