# ruff: noqa: E501  # a table of patterns, which read better unbroken
r"""What a programming language is known by: one row a mark, with an example that it has to find.

A table and data only; not here: adding up (`language`). Each form is of the language's own definition, named in
`SOURCES`. Weights: 20 proves, 6 is hardly ever seen elsewhere, 3 is typical, 1 leans.

Patterns are for Rust's `regex` (no look-around), `^` and `$` are ends of lines, `\\b`, `\\d`, `\\w` are ASCII.
"""

from __future__ import annotations

from dataclasses import dataclass

SOURCES = {
    "c": "ISO/IEC 9899:2018, 6.10 preprocessing directives, 6.7 declarations",
    "cpp": "ISO/IEC 14882:2020, clauses 7.6.1 (casts), 11 (classes), 13 (templates)",
    "csharp": "ECMA-334, 6th edition, clauses 14 (namespaces), 15.7 (properties)",
    "css": "CSS Syntax Module Level 3 (W3C), section 2",
    "emacs-lisp": "GNU Emacs Lisp Reference Manual, chapters on functions and variables, D.8 library headers",
    "go": "The Go Programming Language Specification, declarations; cmd/compile on directives",
    "haskell": "Haskell 2010 Language Report, chapters 4 and 5; GHC User's Guide on pragmas",
    "html": "HTML Living Standard (WHATWG), 13.1",
    "java": "The Java Language Specification, Java SE 17, chapters 7 and 8",
    "javascript": "ECMA-262, clauses 14 to 16; the CommonJS modules specification 1.1",
    "json": "RFC 8259",
    "kotlin": "Kotlin language specification, declarations",
    "lua": "Lua 5.4 Reference Manual, section 3",
    "makefile": "GNU Make manual, chapters 4 and 5",
    "perl": "perlsyn, perlsub, perlpod of the Perl 5 documentation",
    "php": "PHP Manual, language reference: basic syntax, classes, namespaces",
    "python": "The Python Language Reference, chapters 7 and 8; PEP 263",
    "ruby": "ISO/IEC 30170:2012, clauses 11 and 13",
    "rust": "The Rust Reference, items and attributes",
    "shell": "POSIX.1-2017, Shell Command Language, section 2.9",
    "sql": "ISO/IEC 9075-2:2016, clauses 11 (definition) and 14 (manipulation)",
    "swift": "The Swift Programming Language, language reference",
    "toml": "TOML v1.0.0",
    "typescript": "The TypeScript Handbook, everyday types and modules",
    "vala": "Vala Reference Manual, chapters 5 and 11, attributes",
    "xml": "Extensible Markup Language 1.0, 5th edition, section 2.8",
    "yaml": "YAML 1.2.2, chapters 6 and 8",
}

PARENTS = {"typescript": "javascript", "cpp": "c"}
"""A language that extends another: it has the other's score beside its own, and wins only with marks of its own."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Mark:
    """One form; `example` is text in which it is found."""

    language: str
    weight: int
    pattern: str
    example: str


def _marks(language: str, *rows: tuple[int, str, str]) -> tuple[Mark, ...]:
    return tuple(
        Mark(language=language, weight=weight, pattern=pattern, example=example)
        for weight, pattern, example in rows
    )


_SHEBANG = r"\A#![ \t]*/[^ \t\n]*/(?:env[ \t]+(?:-S[ \t]+)?)?"

MARKS = (
    *_marks(
        "rust",
        (
            6,
            r"^[ \t]*(?:pub(?:\([a-z]+\))?[ \t]+)?(?:(?:unsafe|async|const|extern \"C\")[ \t]+)*fn[ \t]+\w+[ \t]*[<(]",
            "pub fn new(x: u8) -> Self {",
        ),
        (
            6,
            r"^[ \t]*(?:unsafe[ \t]+)?impl(?:<.*>)?[ \t]+[^\n(){};]*(?:\{|where\b|for\b)",
            "impl<T> Clone for Box<T> {",
        ),
        (
            6,
            r"^[ \t]*#!?\[(?:derive|cfg|allow|inline|test|doc|macro_use|macro_export|no_std|warn|deny|feature|must_use|repr|path|non_exhaustive|stable|unstable|rustc_\w+|bench|should_panic|proc_macro\w*)\b",
            "#[derive(Debug)]",
        ),
        (
            6,
            r"^[ \t]*(?:pub(?:\([a-z]+\))?[ \t]+)?use[ \t]+(?:::)?[a-z_]\w*::[\w{*:,; ]",
            "use std::io::Read;",
        ),
        (6, r"\bmacro_rules![ \t]*\w+", "macro_rules! square {"),
        (3, r"\blet[ \t]+(?:mut[ \t]+\w+|\w+[ \t]*:[ \t]*[&A-Z\[]|(?:Some|Ok|Err)\()", "let mut x = 1;"),
        (
            3,
            r"^[ \t]*(?:pub(?:\([a-z]+\))?[ \t]+)?(?:mod|extern[ \t]+crate)[ \t]+\w+[ \t]*[;{]",
            "mod tests {",
        ),
        (
            3,
            r"^[ \t]*pub(?:\([a-z]+\))?[ \t]+(?:struct|enum|trait|type|static|const|union)[ \t]+\w+",
            "pub struct Point {",
        ),
        (
            3,
            r"\)[ \t]*->[ \t]*(?:Result|Option|Self|Box|Vec|&|impl|bool|u\d+|i\d+|usize|String)\b",
            ") -> Option<u8>",
        ),
        (
            3,
            r"\b(?:println|eprintln|format|vec|assert|assert_eq|assert_ne|panic|unimplemented|matches|debug_assert|include|compile_error)![ \t]*[\[({]",
            'println!("a")',
        ),
        (1, r"&mut[ \t]|\w::<|\bSelf\b|\bunwrap\(\)|^[ \t]*//[/!]", "&mut x"),
    ),
    *_marks(
        "php",
        (40, r"<\?php\b", "<?php"),
        (6, r"^[ \t]*namespace[ \t]+\w+(?:\\\w+)*[ \t]*[;{]", "namespace App\\Models;"),
        (6, r"^[ \t]*use[ \t]+\w+(?:\\\w+)+(?:[ \t]+as[ \t]+\w+)?[ \t]*;", "use Foo\\Bar;"),
        (3, r"\$this->|\$\w+->\w+\(|\bfunction[ \t]+&?\w+[ \t]*\([^)\n]*\$", "$this->name"),
        (1, r"^[ \t]*\$\w+(?:\[[^\]\n]*\])*[ \t]*\.?=[^=]|\barray\(|::\w+\(", "$x = 1;"),
    ),
    *_marks(
        "go",
        (12, r"^package[ \t]+\w+[ \t]*(?://.*)?\r?$", "package main"),
        (6, r"^func[ \t]+(?:\([^)\n]*\)[ \t]*)?\w+(?:\[[^\]\n]*\])?\(", "func (s *Server) Close() error {"),
        (6, r"^import[ \t]+(?:\(|(?:\w+[ \t]+)?\"[^\"\n]+\"\r?$)", "import ("),
        (6, r"^//go:\w+|^// \+build[ \t]", "//go:build linux"),
        (3, r"^type[ \t]+\w+[ \t]+(?:struct|interface|func|map|chan|\[|\*|[a-z])", "type T struct {"),
        (
            3,
            r"\bif[ \t]+err[ \t]*!=[ \t]*nil\b|\binterface\{|\bchan[ \t]|\bgo[ \t]+func\(|\bdefer[ \t]+\w",
            "if err != nil {",
        ),
        (1, r"\w[ \t]*:=[ \t]|\bnil\b|\bfunc\(|^\t(?:const|var)\b|^(?:const|var)[ \t]+(?:\(|\w+)", "x := 1"),
    ),
    *_marks(
        "python",
        (20, _SHEBANG + r"python[\d.]*\b", "#!/usr/bin/env python3"),
        (
            6,
            r"^[ \t]*(?:async[ \t]+)?def[ \t]+\w+[ \t]*\((?:[^{}\n;]*\)(?:[ \t]*->[^\n]+)?:|[^)\n{};]*\r?$)",
            "def f(self, x):",
        ),
        (6, r"^[ \t]*class[ \t]+\w+(?:\([^\n{};]*\))?:", "class Foo(Bar):"),
        (6, r"^[ \t]*from[ \t]+[\w.]+[ \t]+import[ \t]+[\w(*]", "from os import path"),
        (6, r"^if[ \t]+__name__[ \t]*==|^#.*\bcoding[:=][ \t]*[\w-]+", "if __name__ == '__main__':"),
        (
            3,
            r"^[ \t]*import[ \t]+[a-z_][\w.]*(?:[ \t]+as[ \t]+\w+)?(?:,[ \t]*[\w.]+)*[ \t]*\r?$",
            "import os",
        ),
        (
            3,
            r"^[ \t]*(?:if|elif|for|while|with|try|except|else|finally)\b[^{};\n]*:[ \t]*\r?$",
            "for x in y:",
        ),
        (
            1,
            r"\bself\.\w|\bNone\b|^[ \t]*@\w[\w.]*|^[ \t]*[rub]?\"\"\"|\bnot[ \t]+in\b|^__\w+__[ \t]*=",
            "self.x",
        ),
    ),
    *_marks(
        "javascript",
        (20, _SHEBANG + r"node\b", "#!/usr/bin/env node"),
        (6, r"^[ \t]*['\"]use strict['\"]", "'use strict';"),
        (
            6,
            r"\bmodule\.exports\b|^[ \t]*exports\.\w+[ \t]*=|\bObject\.defineProperty\(",
            "module.exports = x;",
        ),
        (6, r"\bimports\.(?:gi|lang|ui|misc|\w+)\b", "const Gtk = imports.gi.Gtk;"),
        (6, r"\b(?:const|let|var)[ \t]+[^=\n;]{1,80}=[ \t]*require\(", "const fs = require('fs');"),
        (
            6,
            r"^[ \t]*export[ \t]+(?:default\b|(?:async[ \t]+)?function\b|const\b|class\b|\{|\*)|^[ \t]*import[ \t]+[^;\n]*\bfrom[ \t]+['\"]",
            "export default x;",
        ),
        (3, r"\bfunction[ \t]*\*?[ \t]*\w*[ \t]*\([\w, \t]*\)[ \t]*\{", "function f(a, b) {"),
        (
            3,
            r"\b(?:document|window|console|JSON|Math|Promise|process)\.\w+|\bprototype\.\w|\b[!=]==[^=]|\bjQuery\b|\$\(['\"]",
            "console.log(x)",
        ),
        (6, r"^[ \t]*\w+(?:\.\w+)+[ \t]*=[ \t]*(?:async[ \t]+)?function\b", "a.b.c = function () {"),
        (
            3,
            r"^[ \t]*(?:const|var)[ \t]+[\w${}\[\], \t]+=[^=\n][^\n]*[;,{(\[][ \t]*\r?$|^[ \t]*\*[ \t]+@\w+[ \t]+\{",
            "const a = 1;",
        ),
        (
            1,
            r"=>[ \t]*[{(]|\btypeof[ \t]|\bundefined\b|\bthis\.\w|\bfunction[ \t]*\(|\bnew[ \t]+[A-Z]\w*\(|^[ \t]*let[ \t]+\w+[ \t]*=",
            "(a) => {",
        ),
    ),
    *_marks(
        "typescript",
        (
            6,
            r"^[ \t]*(?:export[ \t]+)?(?:declare[ \t]+)?(?:interface[ \t]+\w+(?:<[^\n]*>)?[ \t]*(?:extends[ \t][^\n]*)?\{|type[ \t]+\w+(?:<[^\n]*>)?[ \t]*=)",
            "export interface Foo {",
        ),
        (
            6,
            r"\bimport[ \t]+type[ \t]|\bas[ \t]+(?:any|unknown|const)\b|^[ \t]*declare[ \t]+(?:module|namespace|global|const)",
            "import type { A } from 'a'",
        ),
        (
            3,
            r"[\w)?][ \t]*:[ \t]*(?:string|number|boolean|void|any|unknown|never|Promise<)(?:[\[\]|, \t;)=>{]|\r?$)",
            "name: string;",
        ),
        (3, r"\b(?:private|public|protected|readonly)[ \t]+\w+[ \t]*[:?(]", "private name: Foo"),
    ),
    *_marks(
        "c",
        (6, r"^[ \t]*#[ \t]*include[ \t]*[<\"]", "#include <stdio.h>"),
        (
            3,
            r"^[ \t]*#[ \t]*(?:define[ \t]+\w|ifdef[ \t]|ifndef[ \t]|if[ \t]+[!d(\w]|undef[ \t]|pragma[ \t]|endif\b)",
            "#define X 1",
        ),
        (
            6,
            r"^[ \t]*typedef[ \t]+(?:struct|enum|union|unsigned|int|void|char|const|\w+_t)\b",
            "typedef struct {",
        ),
        (
            3,
            r"^(?:(?:static|extern|inline|const|unsigned|struct)[ \t]+)*(?:void|int|char|long|double|float|size_t|\w+_t|bool)[ \t*]+\w+[ \t]*\(",
            "static int f(void)",
        ),
        (
            3,
            r"\bsizeof[ \t]*\(|^[ \t]*(?:struct|enum|union)[ \t]+\w+[ \t]*\{|\b(?:unsigned[ \t]+(?:int|char|long)|const[ \t]+char[ \t]*\*)",
            "sizeof(x)",
        ),
        (1, r"\w->\w|\bNULL\b|\b(?:printf|malloc|free|memcpy|strlen|memset)[ \t]*\(", "p->next"),
    ),
    *_marks(
        "cpp",
        (
            6,
            r"^[ \t]*(?:template[ \t]*<|namespace(?:[ \t]+\w+(?:::\w+)*)?[ \t]*\{|using[ \t]+namespace[ \t])",
            "template <typename T>",
        ),
        (6, r"^[ \t]*(?:public|private|protected)[ \t]*:[ \t]*\r?$", " public:"),
        (
            6,
            r"^[ \t]*#[ \t]*include[ \t]*<(?:iostream|vector|string|memory|map|algorithm|utility|functional|type_traits|array|set|tuple|mutex|c(?:std\w+|math|string|assert))>",
            "#include <vector>",
        ),
        (6, r"\b(?:static|reinterpret|dynamic|const)_cast<", "static_cast<int>(x)"),
        (
            3,
            r"\bstd::\w|^[ \t]*(?:class|struct)[ \t]+[\w ]+(?:final[ \t]*)?(?::[ \t]*(?:public|private|virtual)\b|\{)[^\n]*|\bnullptr\b|\bconstexpr\b|\bnoexcept\b|\bvirtual[ \t]|\btypename[ \t]",
            "std::string",
        ),
    ),
    *_marks(
        "java",
        (6, r"^package[ \t]+\w+(?:\.\w+)*[ \t]*;", "package org.example;"),
        (6, r"^import[ \t]+(?:static[ \t]+)?\w+(?:\.\w+)+(?:\.\*)?[ \t]*;", "import java.util.List;"),
        (
            6,
            r"^[ \t]*@Override\b|\bSystem\.(?:out|err)\.print|\bpublic[ \t]+static[ \t]+void[ \t]+main\(",
            "@Override",
        ),
        (
            3,
            r"\b(?:public|private|protected)[ \t]+(?:(?:static|final|abstract|synchronized)[ \t]+)*(?:class|interface|enum|void|int|long|boolean|String)\b",
            "public final class Foo",
        ),
        (
            1,
            r"\bthrows[ \t]+[A-Z]\w*|\bextends[ \t]+[A-Z]|\bimplements[ \t]+[A-Z]|\bnew[ \t]+[A-Z]\w*(?:<[^\n]*>)?\(",
            "throws IOException",
        ),
    ),
    *_marks(
        "csharp",
        (6, r"^using[ \t]+(?:static[ \t]+)?System(?:\.\w+)*[ \t]*;", "using System.Linq;"),
        (
            6,
            r"^namespace[ \t]+[A-Z]\w*(?:\.\w+)+[ \t]*[;{]?[ \t]*\r?$|\{[ \t]*get;|^[ \t]*///[ \t]*<summary>",
            "public int X { get; set; }",
        ),
        (
            3,
            r"^using[ \t]+[A-Z]\w*(?:\.\w+)*[ \t]*;|\bConsole\.(?:Write|Read)|\bpublic[ \t]+(?:override|async|sealed|partial|readonly)\b",
            "Console.WriteLine(x);",
        ),
    ),
    *_marks(
        "vala",
        (
            6,
            r"^[ \t]*\[(?:CCode|DBus|GtkTemplate|GtkChild|GtkCallback|Version|Compact|Flags|NoReturn|PrintfFormat)\b",
            '[CCode (cname = "x")]',
        ),
        (
            6,
            r"^using[ \t]+(?:GLib|Gtk|Gee|Gdk|Posix|Soup|Gst|Json)[ \t]*;|^[ \t]*public[ \t]+signal[ \t]|\bconstruct[ \t]*(?:\{|;)",
            "using GLib;",
        ),
        (
            6,
            r"^[ \t]*(?:public[ \t]+|private[ \t]+)?class[ \t]+[\w.]+[ \t]*:[ \t]*(?:GLib|Gtk|Gee|Gdk|Clutter|Object|Adw)\b|\bthrows[ \t]+(?:GLib\.)?\w*Error\b",
            "public class A : Gtk.Window {",
        ),
        (
            3,
            r"\b(?:unowned|owned)[ \t]+\w|\b(?:GLib|Gee|Gtk)\.[A-Z]\w+|\b(?:get|set);|\bweak[ \t]+[A-Z]|\b(?:u?int(?:8|16|32|64))[ \t]+\w+[ \t]*[;(=]|\bforeach[ \t]*\((?:var|string|unowned)\b",
            "unowned string s",
        ),
        (
            1,
            r"\b(?:public|private|protected|internal)[ \t]+(?:(?:static|override|virtual|abstract|async|class)[ \t]+)*\w+|\bthis\.\w",
            "public class Foo",
        ),
    ),
    *_marks(
        "ruby",
        (20, _SHEBANG + r"ruby\b", "#!/usr/bin/env ruby"),
        (
            6,
            r"^[ \t]*require(?:_relative)?[ \t]+['\"][\w/.-]+['\"][ \t]*\r?$|\battr_(?:accessor|reader|writer)\b",
            "require 'json'",
        ),
        (
            6,
            r"\bdo[ \t]*\|[^|\n]*\||^[ \t]*(?:class|module)[ \t]+[A-Z][\w:]*(?:[ \t]*<[ \t]*[\w:]+)?[ \t]*\r?$",
            "each do |x|",
        ),
        (3, r"^[ \t]*def[ \t]+(?:self\.)?[\w?!=]+(?:[ \t]*\([^:{}\n]*\))?[ \t]*\r?$", "def name"),
        (1, r"^[ \t]*end[ \t]*\r?$|\.each\b|\bnil\b|\bunless\b|^[ \t]*@\w+[ \t]*=|\bputs[ \t]", "end"),
    ),
    *_marks(
        "perl",
        (20, _SHEBANG + r"perl\b", "#!/usr/bin/perl -w"),
        (
            6,
            r"^[ \t]*use[ \t]+(?:strict|warnings|vars|lib|constant|parent|base|utf8|v?5)\b[^\n]*;|^package[ \t]+[A-Z]\w*(?:::\w+)*[ \t]*;",
            "use strict;",
        ),
        (
            6,
            r"\bmy[ \t]*[$@%(]|^[ \t]*sub[ \t]+\w+[ \t]*(?:\([$@%;\\]*\)[ \t]*)?\{|=~[ \t]*(?:m|s|tr|y)?[/{]",
            "my $x = 1;",
        ),
        (3, r"^=(?:head[1-4]|cut|pod|over|item|back)\b|\bqw[ \t]*[(/{]|\$\w+->\{|\$_\b|@_\b", "=head1 NAME"),
    ),
    *_marks(
        "shell",
        (20, _SHEBANG + r"(?:ba|da|k|z|a)?sh\b", "#!/bin/sh"),
        (
            6,
            r"^[ \t]*(?:if|elif|while|until)[ \t]+(?:![ \t]+)?(?:\[\[?[ \t]|test[ \t])|^[ \t]*(?:fi|done|esac)[ \t]*(?:\r?$|[;|#&<>])",
            "if [ -f x ]; then",
        ),
        (
            3,
            r";[ \t]*(?:then|do)[ \t]*\r?$|^[ \t]*\w+[ \t]*\(\)[ \t]*\{?[ \t]*\r?$|^[ \t]*case[ \t]+[^\n]+[ \t]in[ \t]*\r?$|^[ \t]*(?:export|local|readonly)[ \t]+\w+=",
            "case $x in",
        ),
        (
            1,
            r"^[ \t]*\w+=(?:[\"'$/\w]|\r?$)|\$\{\w+[}:#%/]|\$\(\w|^[ \t]*(?:echo|exit|set|cd|shift)[ \t]+\S|\"\$[\w@]",
            "echo $x",
        ),
    ),
    *_marks(
        "sql",
        (
            6,
            r"(?i)^[ \t]*(?:create[ \t]+(?:or[ \t]+replace[ \t]+)?(?:temp(?:orary)?[ \t]+|unique[ \t]+)?(?:table|view|index|function|database|extension|trigger|aggregate|operator|type|schema|role)\b|insert[ \t]+into[ \t]|alter[ \t]+(?:table|extension|function|type|default)[ \t]|drop[ \t]+(?:table|function|view|index|extension|type|aggregate)\b)",
            "CREATE TABLE a (",
        ),
        (
            3,
            r"(?i)^[ \t]*(?:select\b[^\n;]*(?:\bfrom\b|,[ \t]*\r?$)|update[ \t]+\w+[ \t]+set\b|delete[ \t]+from\b|grant[ \t]+\w+|(?:begin|commit|rollback);)|\bprimary[ \t]+key\b|\bforeign[ \t]+key\b|\bvarchar\(|\blanguage[ \t]+(?:sql|c|plpgsql|'c')\b",
            "SELECT a FROM b",
        ),
        (
            1,
            r"(?i)^--|\bnot[ \t]+null\b|^[ \t]*(?:from|where|group[ \t]+by|order[ \t]+by|returns|values)\b",
            "-- a comment",
        ),
    ),
    *_marks(
        "yaml",
        (20, r"\A%YAML[ \t]", "%YAML 1.2"),
        (6, r"\A(?:#[^\n]*\n|[ \t]*\n)*---[ \t]*\r?$", "---"),
        (3, r"^[ \t]*-[ \t]+[\w./\"'-]+:(?:[ \t]|\r?$)", "- name: x"),
        (
            1,
            r"^[ \t]*[a-z_./\"'][\w./\"'-]*:(?:[ \t]+[^;{}\n]*[^;{}\n,]|[ \t]*)\r?$|^[ \t]*-[ \t]+[^;{}\n]+\r?$",
            "key: value",
        ),
    ),
    *_marks(
        "toml",
        (6, r"^\[{1,2}[\w-]+(?:\.(?:[\w-]+|\"[^\"\n]*\"))*\]{1,2}[ \t]*(?:#[^\n]*)?\r?$", "[package]"),
        (
            3,
            r"^[a-z][0-9a-z_-]*(?:\.[\w-]+)*[ \t]*=[ \t]*(?:\"[^\"\n]*\"|'[^'\n]*'|\[|\{[ \t]*\w+[ \t]*=|true|false|\d[\d._-]*)[^;\n]*\r?$",
            'name = "x"',
        ),
    ),
    *_marks(
        "json",
        (
            12,
            r"\A\s*(?:\{\s*\"(?:[^\"\\\n]|\\.)*\"\s*:|\[\s*(?:\{\s*\"|\"(?:[^\"\\\n]|\\.)*\"\s*,))",
            '{"a": 1}',
        ),
        (3, r"^[ \t]*\"(?:[^\"\\\n]|\\.)*\"[ \t]*:[ \t]*(?:\"|\{|\[|-?\d|true|false|null)", '  "a": true,'),
    ),
    *_marks(
        "html",
        (20, r"(?i)\A\s*(?:<!--[^\n]*-->\s*)?(?:<!doctype[ \t]+html\b|<html\b)", "<!DOCTYPE html>"),
        (
            3,
            r"(?i)^[ \t]*</?(?:div|span|p|a|table|tr|td|ul|li|head|body|html|script|h[1-6])(?:[ \t][^>\n]*)?>",
            "</div>",
        ),
    ),
    *_marks(
        "xml",
        (20, r"\A\s*<\?xml[ \t]", '<?xml version="1.0"?>'),
        (1, r"^[ \t]*</?[\w:-]+(?:[ \t]+[\w:-]+=\"[^\"\n]*\")*[ \t]*/?>[ \t]*\r?$", '<item a="b">'),
    ),
    *_marks(
        "css",
        (6, r"^[ \t]*@(?:media|import|charset|font-face|keyframes)\b[^\n]*[;{]", "@media print {"),
        (
            3,
            r"^[ \t]*(?:[.#]?[\w-]+|\*|:root)(?:[ \t>+~,.:#\w\[\]=\"'()-]*)\{[ \t]*\r?$[\n][ \t]*[a-z-]+[ \t]*:[ \t]*[^;{}\n]+;",
            ".a {\n  color: red;",
        ),
        (1, r"^[ \t]*(?:-webkit-|-moz-)?[a-z]+(?:-[a-z]+)*:[ \t]*[^;{}\n]+;[ \t]*\r?$", "  color: red;"),
    ),
    *_marks(
        "emacs-lisp",
        (
            20,
            r"\A;;;+ [\w+.-]+\.el(?:\.gz)? ---|-\*-[^\n]*(?:lexical-binding|(?i:mode:[ \t]*emacs-lisp|-\*-[ \t]*emacs-lisp))",
            ";;; a.el --- does things",
        ),
        (
            6,
            r"^\((?:defun|defvar|defcustom|defconst|defmacro|defface|defgroup|defsubst|defadvice|defalias|cl-def\w+|define-\w+(?:-\w+)*|provide|require|eval-when-compile|autoload|put)[ \t]+['\"\w*(]",
            "(defun f ()",
        ),
        (
            3,
            r"\((?:interactive|save-excursion|setq|let\*|lambda|funcall|error|message|goto-char|point-min|add-hook|nconc|car|cdr)\b",
            "(setq x 1)",
        ),
        (1, r"^[ \t]*\(\w+|^;;;?[ \t]", "(when x"),
    ),
    *_marks(
        "lua",
        (20, _SHEBANG + r"lua[\d.]*\b", "#!/usr/bin/lua"),
        (
            6,
            r"^[ \t]*local[ \t]+(?:function[ \t]+\w|\w+[ \t]*=[ \t]*(?:require\b|\{|function\b|\w+[.:]))|^[ \t]*function[ \t]+\w+[.:]\w+[ \t]*\(|^--\[=*\[",
            "local x = require 'y'",
        ),
        (
            3,
            r"\bthen[ \t]*\r?$|~=|\bfunction[ \t]*\([^)\n]*\)[ \t]*\r?$|\bfor[ \t]+\w+(?:,[ \t]*\w+)?[ \t]+in[ \t]+i?pairs\(|^[ \t]*elseif\b",
            "if x then",
        ),
        (1, r"^[ \t]*end[,)]*[ \t]*\r?$|\bnil\b|^[ \t]*local[ \t]+\w+", "end"),
    ),
    *_marks(
        "haskell",
        (
            6,
            r"^\{-#[ \t]*[A-Z]|^module[ \t]+[A-Z][\w.]*(?:[ \t]*\(|[ \t]+where\b|[ \t]*\r?$)|^import[ \t]+qualified[ \t]+[A-Z]",
            "module Main where",
        ),
        (
            3,
            r"^import[ \t]+[A-Z]\w*(?:\.[A-Z]\w*)*[ \t]*(?:\(|hiding\b|\r?$)|^[a-z]\w*'?[ \t]+::[ \t]|^(?:data|newtype|instance|class|deriving)[ \t]+[A-Z(]",
            "main :: IO ()",
        ),
        (
            1,
            r"^[ \t]+(?:where|deriving|case[ \t][^\n]*[ \t]of)\b|<-[ \t]|[ \t]\$[ \t]|\\\w+[ \t]+->",
            "x <- y",
        ),
    ),
    *_marks(
        "kotlin",
        (
            6,
            r"^[ \t]*(?:(?:override|private|internal|suspend|inline|public)[ \t]+)*fun[ \t]+(?:<[^>\n]*>[ \t]*)?[\w.]+[ \t]*\(|^[ \t]*(?:data|sealed|open)[ \t]+class[ \t]",
            "fun main() {",
        ),
        (
            3,
            r"^[ \t]*(?:private[ \t]+|override[ \t]+)?val[ \t]+\w+|^import[ \t]+kotlinx?\.|\bcompanion[ \t]+object\b",
            "val x = 1",
        ),
    ),
    *_marks(
        "swift",
        (
            6,
            r"^import[ \t]+(?:Foundation|UIKit|SwiftUI|Swift|Combine|AppKit)\b|\bguard[ \t]+let\b|^[ \t]*(?:(?:public|private|internal|static|override|open|mutating|@\w+)[ \t]+)*func[ \t]+\w+(?:<[^>\n]*>)?\(",
            "import Foundation",
        ),
        (
            3,
            r"\bif[ \t]+let[ \t]+\w+[ \t]*=|^[ \t]*(?:extension|protocol)[ \t]+\w+|\blet[ \t]+\w+[ \t]*:[ \t]*\[?[A-Z]\w*\]?\??",
            "if let x = y {",
        ),
    ),
    *_marks(
        "makefile",
        (
            6,
            r"^\.PHONY[ \t]*:|^(?:ifeq|ifneq|ifdef|ifndef)[ \t]*[(\w]|^(?:-?include|define)[ \t]+[$\w./]",
            ".PHONY: all",
        ),
        (
            3,
            r"^[\w./%$()-]+[ \t]*::?(?:[ \t]+[\w./%$()-]+)*[ \t]*\r?\n\t\S|\$\((?:shell|wildcard|patsubst|MAKE|CC)\b|^[\w.]+[ \t]*[:+?]=",
            "all: a b\n\tcc a",
        ),
    ),
)
"""In no order that matters; `language.detect` adds up the marks of one language and one weight in one pass."""

LANGUAGES = tuple(sorted(SOURCES))
"""Every language that can come out."""
