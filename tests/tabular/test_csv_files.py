"""CSV files: what is told from them, and what is wrong with them, by line and column."""

from __future__ import annotations

import csv
import gzip
import io
import os
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnn_core.errors import DataError, OptionError
from cnn_core.tabular import CsvFile, TableEncoder, read_table
from cnn_core.tabular.csv_rows import chunks_of, plain_columns


@pytest.fixture
def write(tmp_path):
    def write(content, name="t.csv"):
        path = tmp_path / name
        data = content if isinstance(content, bytes) else content.encode()
        path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
        return path

    return write


def as_lists(table):
    return {n: list(c) for n, c in zip(table.names, table.columns, strict=True)}


ROWS = {"a": [1.5, 2.0], "b": ["x, y", "z"]}


@pytest.mark.parametrize(
    "text",
    [
        'a,b\n1.5,"x, y"\n2,z\n',
        'a,b\r\n1.5,"x, y"\r\n2,z',
        '\ufeffa;b\n1.5;x, y\n2;z\n',
        'a\tb\n1.5\tx, y\n2\tz\n\n\n',
        'a|b\n1.5|x, y\n2|z\n',
        '"a", "b"\n1.5, "x, y"\n2, z\n',
        '\n a ,b\n1.5,"x, y"\n\n2,z\n',
    ],
    ids=["plain", "CRLF", "mark and semicolon", "tab", "bar", "blanks", "empty lines"],
)
@pytest.mark.parametrize("name", ["t.csv", "t.csv.gz"])
def test_delimiter_ends_of_lines_and_marks_are_told_from_the_file(write, text, name):
    table = read_table(write(text, name))
    assert as_lists(table) == ROWS
    assert table.named


def test_utf16_with_a_mark_and_any_encoding_that_is_named(write):
    text = "naïve,b\n1,é\n2,ü\n"
    expected = {"naïve": [1, 2], "b": ["é", "ü"]}
    assert as_lists(read_table(write(text.encode("utf-16")))) == expected
    assert as_lists(read_table(write(text.encode("latin-1")), encoding="latin-1")) == expected


@pytest.mark.parametrize(
    ("text", "header"),
    [
        ("age,job\n1,x\n2,y\n", True),
        ("39,x\n40,y\n", False),
        ("x,y\nx,z\ny,y\nx,z\n", False),
        ("name,town\nx,z\ny,y\nx,z\n", True),
        ("a,b\n", True),
        (",v\n0,1\n1,2\n", True),
        ("x,x\n1,2\n", False),
        ("x,?\ny,1\n", False),
        ("x,39,y\nz,40,w\n", False),
    ],
)
def test_a_header_is_told_from_the_rows(write, text, header):
    table = read_table(write(text))
    assert table.named == header
    assert len(table) == len(text.split()) - header
    if not header:
        assert table.names[:2] == ["x0", "x1"]


def test_a_header_can_be_told_and_is_known_by_expected_names(write):
    path = write("x,y\nx,z\n")
    assert read_table(path, header=True).names == ["x", "y"]
    assert len(read_table(path, header=False)) == 2
    assert read_table(path, names=["y", "q"]).named
    assert not read_table(path, names=["q"]).named
    other = read_table(write("p,q\n1,2\n"), names=["x"])  # names, though none that is expected
    assert (other.names, len(other)) == (["p", "q"], 1)


cells = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=6)


@given(st.lists(st.lists(cells, min_size=2, max_size=2), min_size=1, max_size=8),
       st.sampled_from(["\n", "\r\n"]))  # fmt: skip
def test_whatever_csv_has_written_comes_back(tmp_path_factory, rows, ends):
    path = tmp_path_factory.getbasetemp() / "any.csv"
    with open(path, "w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator=ends, quoting=csv.QUOTE_ALL).writerows([["p", "q"], *rows])
    found = [row for chunk in CsvFile(path, delimiter=",", header=True).chunks(3)
             for row in zip(*chunk, strict=True)]  # fmt: skip
    assert found == [tuple(row) for row in rows]


bare = st.text(st.sampled_from("ab1. ,;\t|\"\r\n\v"), max_size=9)


fields = st.text(st.sampled_from("a1. \r\v"), max_size=3)


def tables(width):
    """Rows of ``width`` fields, and some that are whatever they are."""
    row = st.lists(fields, min_size=width, max_size=width)
    return st.tuples(st.just(width), st.lists(row, max_size=6) | st.lists(row | bare, max_size=6))


@given(st.integers(1, 4).flatmap(tables), st.sampled_from(",;\t|"),
       st.sampled_from(["\n", "\r\n"]), st.integers(1, 3))
def test_the_short_way_reads_what_csv_reads(table, delimiter, ends, most):
    width, lines = table
    text = "".join(delimiter.join(line) + ends if isinstance(line, list) else line + ends
                   for line in lines)  # fmt: skip
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True)
    expected = [row for row in reader if row]
    columns = plain_columns(text, delimiter, width)
    if columns is not None:
        assert list(map(list, zip(*columns, strict=True))) == expected
    found = []
    try:
        for chunk in chunks_of(io.StringIO(text, newline=""), delimiter, width, most):
            rows = chunk.rows or list(map(list, zip(*chunk.columns, strict=True)))
            assert len(rows) <= most
            found += [row for row in rows if row]
    except csv.Error:
        assert '"' in text
    else:
        assert found == expected


def test_lines_are_counted_on_both_ways(write):
    plain = [f"{i},{i},{i}" for i in range(30000)]
    for quoted in (None, 2, 29000):
        lines = list(plain)
        if quoted is not None:
            lines[quoted] = f'{quoted},"\n",1'
        lines[29500] = "1,2"
        with pytest.raises(DataError, match=f"line {29501 + (quoted is not None)}: need 3 fields"):
            read_table(write("\n".join(lines)))


def test_a_first_line_of_any_length(write):
    names = [f"the column of number {i}" for i in range(5000)]
    table = read_table(write(",".join(names) + "\n" + ",".join(map(str, range(5000)))))
    assert table.names == names
    assert [column[0] for column in table.columns] == list(range(5000))


# -- numbers and texts ------------------------------------------------------------------------


def test_columns_are_numbers_where_all_of_them_are_however_late_one_is_not(write):
    n = 5000
    lines = [f"{i},{i / 2},{i % 7:03d},{i},{i}" for i in range(n)]
    lines[4321] = "4321,,007,x,1_0"
    table = read_table(write("i,f,code,late,odd\n" + "\n".join(lines)))
    dtypes = [c.dtype if isinstance(c, np.ndarray) else str for c in table.columns]
    assert dtypes == [np.int64, np.float64, str, str, str]
    assert np.isnan(table.columns[1][4321])
    assert table.columns[1][4320] == 2160
    assert table.columns[2][:2] == ["000", "001"]
    assert table.columns[3][4319:4323] == ["4319", "4320", "x", "4322"]
    assert len({id(text) for text in table.columns[2]}) == 8


def test_whole_numbers_that_float64_does_not_have_stay_numbers(write):
    table = read_table(write("a,b\n123456789012345678,nan\n1,2\n"))
    assert [c.dtype for c in table.columns] == [np.float64] * 2


# -- what is wrong ----------------------------------------------------------------------------

BAD = {
    "a field too many": ("a,b\n1,2\n1,2,3\n", r"line 3: need 2 fields.*got 3.*others '3'"),
    "a field too few": ('a,b\n"1\n2",2\n1\n', r"line 4: need 2.*got 1: column 'b' is missing"),
    "a name twice": ("a,b,a\n1,2,3\n", r"line 1: need names .*differ; got 'a' for columns 1 and 3"),
    "empty": ("", "need rows; got an empty file"),
    "blank": ("\n \n", "need rows; got an empty file"),
    "an open quote": ('a,b\n1,2\n3,"4\n5,6\n', r"line [345]: need fields as CSV has them.*closed"),
    "text behind a quote": ('a,b\n1,"2"3\n', r"line 2: need fields as CSV has them"),
    "another encoding": ("a,b\n1,x\n2,é\n".encode("latin-1"),
                         r"line 3, column 'b': need text of encoding utf-8-sig; got byte 0xe9"),
    "a field that has no end": ('a,b\n1,"' + "x\n" * 90000, "line [0-9]+: need fields.*closed"),
    "a broken end": (b"a,b\n1,\xff", r"line 2, column 'b': need text .* got byte 0xff"),
    "a letter cut off": (b"a,b\n1,x\n2,x\xc3", r"line 3, column 'b': need .* got byte 0xc3"),
    **{f"{name} of UTF-16": (b"\xff\xfe" + "a,b\n1,x\n2,y".encode("utf-16-le")[:-1] + end,
                             r"line 3, column 'b': need text of encoding utf-16; got byte")
       for name, end in {"a letter cut off": b"", "half a letter": b"\xdc"}.items()},
}  # fmt: skip


@pytest.mark.parametrize("what", BAD)
def test_what_is_wrong_is_named_with_file_line_and_column(write, what):
    content, message = BAD[what]
    header = {} if what not in ("a name twice",) else {"header": True}
    with pytest.raises(DataError, match=rf"read_table: .*t\.csv.*{message}"):
        read_table(write(content), **header)


def test_a_text_of_another_encoding_is_found_far_from_the_beginning(write):
    lines = ["a,b"] + [f"{i},x" for i in range(30000)]
    lines[25001] = "25000,\xff"
    with pytest.raises(DataError, match=r"line 25002, column 'b'.*byte 0xff"):
        read_table(write("\n".join(lines).encode("latin-1")))


def test_a_row_of_another_length_is_found_behind_many_chunks(write):
    lines = [f"{i},x" for i in range(9000)]
    lines[8000] = "8000"
    with pytest.raises(DataError, match=r"line 8001: need 2 fields"):
        read_table(write("\n".join(lines)))


def test_a_compressed_file_that_is_cut_off_or_none(write, tmp_path):
    whole = gzip.compress(os.urandom(20000).hex().encode() + b",1\n" + b"x,2\n" * 9)
    path = tmp_path / "cut.csv.gz"
    for data in (whole[:-400], b"a,b\n1,2\n"):
        path.write_bytes(data)
        with pytest.raises(DataError, match=r"cut\.csv\.gz"):
            read_table(path)


def test_a_file_that_changes_while_it_is_read(write, tmp_path):
    text = "a,b\n" + "1,2\n" * 20000
    path = write(text)
    for change in (lambda: path.open("a").write("3,4\n"), lambda: path.write_text(text[:80000])):
        path.write_text(text)
        chunks = CsvFile(path).chunks()
        next(chunks)
        change()
        with pytest.raises(DataError, match="one that has changed: read it again"):
            list(chunks)
    file = CsvFile(path)
    os.replace(write("c,d\n1,2\n", "other.csv"), path)
    with pytest.raises(DataError, match="one that has changed"):
        list(file.chunks())


def test_what_is_no_file(tmp_path):
    with pytest.raises(OSError, match="none"):
        read_table(tmp_path / "none.csv")
    with pytest.raises(DataError, match="need a file; got a folder"):
        read_table(tmp_path)


@pytest.mark.parametrize("options", [
    {"delimiter": ",,"}, {"delimiter": '"'}, {"delimiter": 3}, {"header": 1},
    {"encoding": "klingon"}, {"encoding": 8},
])  # fmt: skip
def test_options_that_there_are_not(write, options):
    with pytest.raises(OptionError, match="read_table: need"):
        read_table(write("a,b\n1,2\n"), **options)


def test_streaming_takes_memory_that_does_not_grow_with_the_file(write):
    encoder = TableEncoder().fit([{"a": i, "b": "pqr"[i % 3]} for i in range(100)])
    peaks = []
    for n in (10_000, 80_000):
        path = write("a,b\n" + "\n".join(f"{i},{'pqr'[i % 3]}" for i in range(n)))
        tracemalloc.start()
        assert sum(len(part.numbers) for part in encoder.stream(path)) == n
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.3 * peaks[0] < 5e6


def test_a_file_becomes_what_its_rows_become(write):
    rows = [{"a": i * 0.37 if i % 5 else None, "b": "pqrstuvwxyz"[i % 11], "c": i % 4}
            for i in range(3000)]  # fmt: skip
    encoder = TableEncoder().fit(rows)
    out = io.StringIO()
    writer = csv.DictWriter(out, ["c", "b", "new", "a"], restval="")
    writer.writeheader()
    writer.writerows(rows)
    path = write(out.getvalue())
    with pytest.warns(UserWarning, match=r"t\.csv: columns that training has not seen.*'new'"):
        found = encoder.transform(path)
    with pytest.warns(UserWarning, match="not seen"):
        parts = list(encoder.stream(path, rows=7))
    for i, made in enumerate(encoder.transform(rows)):
        assert found[i].tobytes() == made.tobytes()
        assert np.concatenate([part[i] for part in parts]).tobytes() == made.tobytes()
    odd = path.read_text().split("\n")
    for row in (8, 9, 2500):
        odd[1 + row] = f"1,p,,about {row}"
    path.write_text("\n".join(odd))
    with pytest.warns(UserWarning, match="'a': 3 are no number, .* the first 'about 8' in row 8"):
        list(encoder.stream(path, rows=7))
