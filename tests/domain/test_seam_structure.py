"""The seam in code, tables, lists, numbers and text without blanks: an exact continuation loses no character."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.domain.test_seam import joined
from threadline.domain.seam import SURE, overlap

CODE = """Here is the program that you asked for:

```python
class Grid:
    def __init__(self, rows):
        self.rows = [[0, 0], [1, 0], [3, 4]]
        self.more = {"a": {"b": [1, 2]}, "c": ((), ((),))}


    def lit(self, at):
        for row in self.rows:
            if any(value == at for value in row):
                if (at > 0 and (row[0] or row[1])):
                    return max(at, min(row[0], abs(at)))
                else:
                    pass

        return None
```

And the same for the browser:

```js
if (lamp) { if (lamp.lit()) { draw(lamp.at(0)(1)); } }
grid.each((row) => { row.each((cell) => { cell.on(() => { cell.flip() }) }) })
const no = [null, [null], !true, !!true], zero = [0.00, 0.00, 0.00, 0.00];
```

```html
<section><div>
        <table>
            <tr><td></td></tr><br><br>
        </table>
    </div></section>
```
"""
TABLE = """These are the lamps, with what is known of them.

| lamp | lit | oil | since | keeper |
|------|:---:|----:|-------|--------|
| north | yes | yes | 1850 | |
| south | yes | yes | yes | no |
| west | | | | not known |
| east | not known | not known | 100 | 100 |
|---|---|---|---|---|

==========================================

* * *
"""
LIST = """1. First, the stairs.
2. Then the lamp:
   - [ ] oil
   - [ ] wick
      - [x] trimmed
      - [x] lit

   - - nested

11. Eleven, **bold** and ***both***.  \n

> > Quoted, twice......

---

The end -- -- or not?! (((Or so.)))
"""
UNSPACED = (
    "守塔人每天晚上爬上楼梯，点亮灯，在本子上写一行字。谢谢他，谢谢大家！没有人看看这本子，人人都常常忘记它。"
    "灯台守は毎晩階段を上り、ますます明るくランプを灯し、いろいろなことを一行ずつ書いた。誰も読まなかった。"
    "등대지기는 매일 저녁 계단을 올라가 등불을 켜고 책에 한 줄을 썼다. "
)
STORIES = {"code": CODE, "table": TABLE, "list": LIST, "unspaced": UNSPACED}


@pytest.mark.parametrize("kind", STORIES)
@given(at=st.floats(0, 1), size=st.integers(1, 40))
def test_an_exact_continuation_is_joined_without_a_loss_wherever_it_was_cut(kind: str, at: float, size: int) -> None:
    story = STORIES[kind]
    cut = 1 + int(at * (len(story) - 2))
    assert joined(story[:cut], story[cut:], size) == story


@pytest.mark.parametrize("kind", STORIES)
def test_there_is_no_cut_at_all_at_which_it_loses_a_character(kind: str) -> None:
    story = STORIES[kind]
    assert [story[:cut][-20:] for cut in range(1, len(story)) if overlap(story[:cut], story[cut:])] == []


@given(st.text("()[]{}<>|-=*#`'\".,;: \n\t", max_size=80), st.text("()[]{}<>|-=*#`'\".,;: \n\t", max_size=80))
def test_signs_and_blanks_alone_are_never_taken_for_a_repetition(end: str, more: str) -> None:
    assert joined("The program: " + end, more) == "The program: " + end + more


@given(st.text("ab_1 \n(", min_size=1, max_size=60), st.text("ab_1 \n(", max_size=60))
def test_what_is_trimmed_is_never_a_few_letters(partial: str, more: str) -> None:
    size = overlap(partial, more)
    assert size in (0, len(partial)) or sum(map(str.isalnum, partial[-size:])) >= 3 or size >= SURE


# A word that really comes twice is a limit of its own, below.
UNITS = st.lists(st.sampled_from(["0", "1", "null", "0.25", "x"]), min_size=1, max_size=3, unique=True)


@given(UNITS, st.integers(2, 9), st.data())
def test_a_text_that_already_repeats_itself_goes_on_repeating(unit: list[str], times: int, data: st.DataObject) -> None:
    row = ", ".join(unit) + ", "
    story = "values = [" + row * times
    cut = data.draw(st.integers(len("values = [") + 2 * len(row), len(story)))
    assert overlap(story[:cut], story[cut:]) == 0


@pytest.mark.parametrize(
    ("partial", "more"),
    [
        ("print(max(a, min(b, c)", ")\n"),
        ("class A:\n    def f(self):\n    ", "    return self.value\n"),
        ("if (a) { if (b) { x() }", "}\n"),
        ("a = [[1, 2], [3, 4]", "]\n"),
        ("First paragraph ends here.\n", "\nSecond paragraph begins here."),
        ("| a | b |\n|---|---|\n| 1 | 2 |\n|", "| 3 |\n"),
        ("| a | b | c |\n|---|---|---|\n| north | yes", " | yes |\n"),
        ("        <td>1</td>\n        </div>\n", "    </div>\n</div>\n"),
        ("one, then = [null", ", null]"),
        ("他说谢谢，", "谢谢大家。"),
    ],
)
def test_a_sign_a_blank_or_a_cell_that_comes_twice_stays_twice(partial: str, more: str) -> None:
    assert joined(partial, more) == partial + more


@pytest.mark.parametrize(
    ("partial", "more", "whole"),
    [
        ("def f():\n    return valu", "    return value\n", "def f():\n    return value\n"),
        ("def f():\n    return valu", "return value\n", "def f():\n    return value\n"),
        ("- oil\n- wic", "- wick\n- glass", "- oil\n- wick\n- glass"),
        ("| a | b |\n| north | ye", "| north | yes |", "| a | b |\n| north | yes |"),
        ("| a | b |\n| north | yes", "yes | no |", "| a | b |\n| north | yes | no |"),
        ("| a | b |\n| north | yes", "north | yes | no |", "| a | b |\n| north | yes | no |"),
        ("他爬上楼梯，点亮", "楼梯，点亮灯。", "他爬上楼梯，点亮灯。"),
        ("ランプを灯した", "を灯したのだ。", "ランプを灯したのだ。"),
        ("It was very", " very late.", "It was very late."),
    ],
)
def test_words_lines_and_rows_that_are_said_again_are_trimmed(partial: str, more: str, whole: str) -> None:
    assert joined(partial, more) == whole


@pytest.mark.parametrize(
    ("partial", "more"),
    [
        ("Grid of 12, 13", "13, 14"),
        ("if (a) {\n  }", "  }\n}"),
        ("So it is", "is late"),
        ("他爬上楼梯", "楼梯，点亮灯。"),
        ("| a | b |\n| north | yes | ", "yes | no |"),
    ],
)
def test_a_repetition_without_a_word_of_some_length_stays_doubled_which_is_a_limit(partial: str, more: str) -> None:
    assert joined(partial, more) == partial + more


@pytest.mark.parametrize(
    ("story", "lost"),
    [
        ("const no = [null, null, null, null, null]\n", ["null, ", " null,"]),
        ("<tr><td></td><td></td></tr>\n", ["><td></td", "<td></td>", "td></td><"]),
        ("The winter had been very very long.\n", [" very", "very "]),
    ],
)
def test_words_that_really_come_twice_lose_one_when_the_cut_is_just_there_which_is_a_limit(
    story: str, lost: list[str]
) -> None:
    cuts = [(cut, overlap(story[:cut], story[cut:])) for cut in range(1, len(story))]
    assert [story[cut - size : cut] for cut, size in cuts if size] == lost


def test_a_table_whose_first_two_cells_are_equal_loses_one_at_one_cut_in_each_row_at_most() -> None:
    rows = ["| yes | yes | no |\n", "| no | no | yes |\n", "| partly | partly | no |\n"]
    story = "The table.\n\n| name | then | now |\n|---|---|---|\n" + "".join(rows)
    lost = [story[:cut][-7:] for cut in range(12, len(story)) if overlap(story[:cut], story[cut:])]
    assert lost == ["\n| yes ", "partly "]
