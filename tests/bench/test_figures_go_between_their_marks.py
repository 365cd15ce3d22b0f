"""What writes figures into a document leaves the rest of it alone."""

import pytest

from suite.marks import page_of, put_between

TEXT = "a\n<!-- one writes from here -->\nold\n<!-- to here -->\nb\n<!-- two writes from here -->\nkept\n<!-- to here -->\nc\n"


@pytest.mark.parametrize("writer, old", [("one", "old"), ("two", "kept")])
def test_only_what_is_the_writers_own_is_replaced(tmp_path, writer, old):
    document = tmp_path / "document.md"
    document.write_text(TEXT)
    put_between(document, writer, "new\n")
    assert document.read_text() == TEXT.replace(old, "new")


@pytest.mark.parametrize("text", ["no marks\n", "<!-- one writes from here -->\nnever ends\n"])
def test_a_document_without_its_marks_is_said_and_left(tmp_path, text):
    document = tmp_path / "document.md"
    document.write_text(text)
    with pytest.raises(SystemExit, match="one: .*document.md has no line"):
        put_between(document, "one", "new\n")
    assert document.read_text() == text


def test_the_page_that_has_the_marks_is_found(tmp_path):
    (tmp_path / "other.md").write_text("<!-- three writes from here -->\n")
    (tmp_path / "page.md").write_text(TEXT)
    assert page_of(tmp_path, "one") == tmp_path / "page.md"


@pytest.mark.parametrize("texts", [["no marks\n"], [TEXT, TEXT]])
def test_no_page_with_the_marks_and_two_of_them_are_refused(tmp_path, texts):
    for i, text in enumerate(texts):
        (tmp_path / f"{i}.md").write_text(text)
    with pytest.raises(SystemExit, match="one: .* instead of one"):
        page_of(tmp_path, "one")
