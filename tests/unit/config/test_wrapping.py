from nntrain.config.documentation.wrapping import wrapped


def test_a_line_goes_on_below_its_text() -> None:
    text = "  type       " + "word " * 20
    first, second = wrapped(text.rstrip()).splitlines()
    assert len(first) <= 80
    assert second.startswith(" " * 13 + "word")
    assert (first + second).split() == text.split()


def test_a_line_without_a_label_goes_on_below_its_first_letter() -> None:
    assert wrapped("  " + "a" * 50 + " " + "b" * 50) == "  " + "a" * 50 + "\n  " + "b" * 50


def test_a_label_wider_than_its_column_is_kept() -> None:
    assert wrapped("a" * 30 + " " + "b" * 55, 23) == "a" * 30 + "\n" + " " * 23 + "b" * 55


def test_a_command_stays_whole() -> None:
    line = " " * 13 + "nntrain fit CONFIG " + "a" * 60
    assert wrapped(line) == line


def test_short_lines_stay() -> None:
    assert wrapped("a\n\n  b") == "a\n\n  b"
