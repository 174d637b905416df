#!/usr/bin/env python3
"""A preprocessor of mdBook: puts documents of the project's root folder into the book.

Drafts in SUMMARY.md with one of the titles below get the text of their document. Links between them
and the pages of docs/, which hold on GitHub, are written as the book needs them; the text of a link
to any other file stays without its link.
"""

import json
import os
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = {
    "Architecture": "ARCHITECTURE.md",
    "Contributing": "CONTRIBUTING.md",
    "Changelog": "CHANGELOG.md",
}


def place(file):
    """Where the book has `file`, a path from the root folder; None if it does not."""
    if file in DOCUMENTS.values():
        return file.lower()
    if file == "docs/README.md":
        return "index.md"
    return file.removeprefix("docs/") if file.startswith("docs/") else None


def linked(text, file):
    """`text` of the document `file` with the links of the book."""

    def link(match):
        words, target = match.groups()
        path, _, anchor = target.partition("#")
        if not path or re.match(r"[a-z]+:", path):
            return match.group(0)
        to = place(os.path.normpath(os.path.join(os.path.dirname(file), path)))
        if to is None:
            return words
        to = os.path.relpath(to, os.path.dirname(place(file)) or ".")
        return f"[{words}]({to}#{anchor})" if anchor else f"[{words}]({to})"

    parts = re.split(r"(^```.*?^```$)", text, flags=re.M | re.S)
    return "".join(
        part if part.startswith("```") else re.sub(r"(?<!!)\[([^\]]*)\]\(([^)\s]+)\)", link, part)
        for part in parts
    )


def visit(items):
    for item in items:
        chapter = item.get("Chapter") if isinstance(item, dict) else None
        if chapter is None:
            continue
        file = DOCUMENTS.get(chapter["name"]) if chapter["path"] is None else None
        if file:
            chapter["path"] = chapter["source_path"] = place(file)
            chapter["content"] = linked((ROOT / file).read_text(), file)
        elif chapter["source_path"]:
            chapter["content"] = linked(chapter["content"], f"docs/{chapter['source_path']}")
        visit(chapter["sub_items"])


if sys.argv[1:2] == ["supports"]:
    sys.exit(0)
_, book = json.load(sys.stdin)
visit(book["items"])
json.dump(book, sys.stdout)
