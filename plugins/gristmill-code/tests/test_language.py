"""Every mark finds its example, small files of each language are told apart, prose is none of them."""

import polars as pl
import pytest

from gristmill.errors import GristmillError
from gristmill.plugins.testing import run
from gristmill_code.language import Language, detect
from gristmill_code.marks import LANGUAGES, MARKS, PARENTS, SOURCES
from gristmill_code.patterns import any_of

FILES = {
    "c": '#include <stdio.h>\n\nint main(void) {\n    printf("a");\n    return 0;\n}\n',
    "cpp": "#include <vector>\n\nnamespace a {\nstd::vector<int> f() { return {}; }\n}\n",
    "csharp": "using System.Linq;\nnamespace A.B\n{\n    public sealed class C { public int X { get; set; } }\n}\n",
    "css": "@media print {\n.a {\n  color: red;\n  margin: 0;\n}\n}\n",
    "emacs-lisp": ";;; a.el --- does things\n(require 'b)\n(defun f (x) (interactive) (setq y x))\n",
    "go": 'package main\n\nimport (\n\t"fmt"\n)\n\nfunc main() {\n\tx := 1\n\tfmt.Println(x)\n}\n',
    "haskell": "module Main where\n\nimport qualified Data.Map as M\n\nmain :: IO ()\nmain = print 1\n",
    "html": "<!DOCTYPE html>\n<html><body>\n<p>\nText\n</p>\n</body></html>\n",
    "java": 'package a.b;\n\nimport java.util.List;\n\npublic class A {\n    @Override\n    public String toString() { return ""; }\n}\n',
    "javascript": "'use strict';\nconst a = require('b');\nmodule.exports = function (x) {\n  return a(x) === 1;\n};\n",
    "json": '{\n  "a": 1,\n  "b": [true, null]\n}\n',
    "kotlin": "import kotlin.math.PI\n\nfun main() {\n    val x = 1\n    println(x)\n}\n",
    "lua": "local a = require 'b'\n\nfunction a.f(x)\n  if x ~= nil then\n    return 1\n  end\nend\n",
    "makefile": ".PHONY: all\nCC = gcc\nall: a.o b.o\n\t$(CC) -o a a.o b.o\n",
    "perl": "use strict;\nuse warnings;\n\nsub f {\n    my ($x) = @_;\n    return $x =~ /a/;\n}\n",
    "php": "<?php\nnamespace A;\n\nclass B {\n    function f($x) { return $this->y; }\n}\n",
    "python": "import os\n\n\ndef f(x):\n    if x:\n        return None\n    return os.path\n",
    "ruby": "require 'json'\n\nclass A < B\n  attr_reader :x\n  def f\n    @x.each do |y|\n      puts y\n    end\n  end\nend\n",
    "rust": 'use std::io;\n\npub fn f(x: &str) -> Option<u8> {\n    let mut y = 1;\n    println!("{}", x);\n    None\n}\n',
    "shell": '#!/bin/sh\nset -e\nif [ -f "$1" ]; then\n  echo "$1"\nfi\n',
    "sql": "CREATE TABLE a (\n  id integer PRIMARY KEY,\n  b varchar(20) NOT NULL\n);\nINSERT INTO a VALUES (1, 'x');\n",
    "swift": "import Foundation\n\nfunc f(x: Int?) -> Int {\n    guard let y = x else { return 0 }\n    return y\n}\n",
    "toml": '[package]\nname = "a"\nversion = "1.0"\n\n[dependencies]\nb = "1"\n',
    "typescript": "import { A } from 'a';\n\nexport interface B {\n  name: string;\n  size?: number;\n}\n\nexport const f = (b: B): string => b.name;\n",
    "vala": 'using Gtk;\n\npublic class A : Gtk.Window {\n    public signal void b ();\n    construct {\n        this.title = "a";\n    }\n}\n',
    "xml": '<?xml version="1.0"?>\n<a>\n  <b c="d"/>\n</a>\n',
    "yaml": "---\nname: a\non:\n  push:\n    branches:\n      - main\njobs:\n  - name: b\n",
}


@pytest.mark.parametrize("mark", MARKS, ids=lambda mark: f"{mark.language}-{mark.weight}")
def test_every_mark_finds_its_example(mark: object) -> None:
    assert pl.Series([mark.example]).str.contains(any_of([mark.pattern])).to_list() == [True]


def test_every_language_has_a_file_a_source_and_marks() -> None:
    assert set(FILES) == set(SOURCES) == {mark.language for mark in MARKS} == set(LANGUAGES)
    assert set(PARENTS) | set(PARENTS.values()) <= set(LANGUAGES)


@pytest.mark.parametrize("language", FILES)
def test_small_files_are_told_apart(language: str) -> None:
    found = detect(pl.Series([FILES[language], FILES[language].replace("\n", "\r\n")]))
    assert found["language"].to_list() == [language, language]
    assert found["language_score"].min() >= 0.5


@pytest.mark.parametrize(
    "text",
    [
        "",
        "An ordinary sentence. Another one, with a colon: here.",
        "From: a@example.org\nTo: b@example.org\nSubject: a letter\n\nDear B,\n\nif you can, import the goods for us.\n",
        "日本語の文章。" * 40,
        "License: see below\nCopyright: the authors\nFiles: all of them\n" * 5,
    ],
)
def test_prose_is_no_language(text: str) -> None:
    assert run(Language, [text]) == {"language": [None], "language_score": [None]}


def test_languages_may_be_chosen() -> None:
    texts = [FILES["rust"], FILES["go"]]
    assert run(Language, texts, {"languages": ["go"]})["language"] == [None, "go"]
    with pytest.raises(GristmillError) as caught:
        run(Language, texts, {"languages": ["cobol"]})
    assert caught.value.code == "GM-PLUGIN-009"
