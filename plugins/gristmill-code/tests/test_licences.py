"""Headers of real forms are found, named and taken out; what they stand beside stays as it was."""

import pytest
from hypothesis import given, settings, strategies

from gristmill.plugins.testing import run
from gristmill_code.licence_phrases import FURTHER_PHRASES, LICENCE_PHRASES, LINE_PHRASES
from gristmill_code.licences import LicenceHeader, StripLicenceHeader, find_header, identify

GO = """// Copyright 2009 The Go Authors. All rights reserved.
// Use of this source code is governed by a BSD-style
// license that can be found in the LICENSE file.

// Package path handles paths.
package path
"""
PHP = """<?php
/**
 * Implements Special:Unused
 *
 * This program is free software; you can redistribute it and/or modify
 * it under the terms of the GNU General Public License as published by
 * the Free Software Foundation; either version 2 of the License, or
 * (at your option) any later version.
 *
 * @file
 */
class A {}
"""
C = "/* Copyright (C) 2001 A. Author\n\n   Licensed under the Apache License, Version 2.0 */\n#include <stdio.h>\n"
PYTHON = """#!/usr/bin/env python3
# -*- coding: utf-8 -*-
# SPDX-License-Identifier: MIT OR Apache-2.0
# What this does.

import os
"""
LISP = """;;; a.el --- does things  -*- lexical-binding: t; -*-

;; Copyright (C) 1999 Free Software Foundation, Inc.

;; Author: A. Author

;; This file is part of GNU Emacs.

;; GNU Emacs is free software: you can redistribute it and/or modify
;; it under the terms of the GNU General Public License as published by
;; the Free Software Foundation, either version 3 of the License, or
;; (at your option) any later version.

;;; Code:
(require 'a)
"""


@pytest.mark.parametrize(
    ("text", "spdx", "family"),
    [
        (GO, None, "BSD"),
        (PHP, "GPL-2.0-or-later", "GPL"),
        (C, "Apache-2.0", "Apache"),
        (PYTHON, "MIT OR Apache-2.0", "MIT"),
        (LISP, "GPL-3.0-or-later", "GPL"),
        ("# Copyright 2020 A\nx = 1\n", None, "unknown"),
    ],
)
def test_headers_are_named(text: str, spdx: str | None, family: str) -> None:
    values = run(LicenceHeader, [text])
    assert (values["spdx"], values["family"]) == ([spdx], [family])


def test_headers_go_and_the_rest_stays() -> None:
    stripped = run(StripLicenceHeader, [GO, PHP, C, PYTHON, LISP])["text"]
    assert stripped == [
        "// Package path handles paths.\npackage path\n",
        "<?php\n/**\n * Implements Special:Unused\n *\n * @file\n */\nclass A {}\n",
        "#include <stdio.h>\n",
        "#!/usr/bin/env python3\n# -*- coding: utf-8 -*-\n# What this does.\n\nimport os\n",
        ";;; a.el --- does things  -*- lexical-binding: t; -*-\n\n\n;; Author: A. Author\n\n\n\n;;; Code:\n(require 'a)\n",
    ]


def test_the_notice_can_be_kept_short_or_moved() -> None:
    assert run(StripLicenceHeader, [C, PYTHON, GO], {"put": "spdx"})["text"] == [
        "/* SPDX-License-Identifier: Apache-2.0 */\n#include <stdio.h>\n",
        "#!/usr/bin/env python3\n# -*- coding: utf-8 -*-\n# SPDX-License-Identifier: MIT OR Apache-2.0\n# What this does.\n\nimport os\n",
        "// Package path handles paths.\npackage path\n",
    ]
    assert run(StripLicenceHeader, [C], {"put": "end"})["text"] == [
        "#include <stdio.h>\n/* Copyright (C) 2001 A. Author\n * Licensed under the Apache License, Version 2.0 */\n"
    ]


@pytest.mark.parametrize(
    "text",
    [
        "x = 1\n# Copyright 2020 A. Author\n",
        "/* Sorts a list. */\nint x;\n",
        "/* Copyright 2020 A */ int x;\n",
        "/* Copyright 2020 A, and no end\nint x;\n",
        "Copyright law is the subject of this essay.\n",
        "#include <license.h>\n",
        "// Package license parses licences of files.\npackage license\n",
        "",
    ],
)
def test_text_without_a_header_is_left_alone(text: str) -> None:
    assert find_header(text) is None
    assert run(StripLicenceHeader, [text])["text"] == [text]


@pytest.mark.parametrize(
    ("notice", "expected"),
    [
        ("GNU Lesser General Public License version 2.1 only", ("LGPL-2.1-only", "LGPL")),
        ("under the terms of the GNU Affero General Public License", (None, "AGPL")),
        ("Neither the name of the University nor the names of its contributors", ("BSD-3-Clause", "BSD")),
        (
            "SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note",
            ("GPL-2.0-only WITH Linux-syscall-note", "GPL"),
        ),
        ("SPDX-License-Identifier: (MIT OR Zlib)", ("(MIT OR Zlib)", "MIT")),
        ("This code is in the public domain.", (None, "public domain")),
    ],
)
def test_identifiers(notice: str, expected: tuple[str | None, str]) -> None:
    assert identify(notice) == expected


def test_shares_are_of_all_characters() -> None:
    text = "# Copyright 2020 A\nx = 12\n"
    assert run(LicenceHeader, [text, "x", ""])["header_fraction"] == [pytest.approx(19 / 26), 0.0, None]


PARTS = strategies.sampled_from(
    [
        "/*",
        "*/",
        "//",
        "#",
        "<!--",
        "-->",
        '"""',
        "\n",
        "\r\n",
        " * ",
        "Copyright 2020 A",
        "MIT license",
        "x = 1",
        "é",
        " ",
        "<?php",
        ";;",
    ]
)


@settings(deadline=None, derandomize=True, max_examples=60)
@given(strategies.lists(PARTS, max_size=30).map("".join))
def test_nothing_but_leading_comments_is_touched(text: str) -> None:
    found = find_header(text)
    if found is None:
        return
    assert 0 < found.num_characters <= len(text)
    assert len(found.rest) <= len(text) + 3
    # All lines of code are still there, in order.
    code = [line for line in text.split("\n") if line.strip() == "x = 1"]
    assert (
        [line for line in found.rest.split("\n") if line.strip() == "x = 1"] == code
        or '"""' in text
        or "/*" in text
        or "<!--" in text
    )


def test_every_phrase_has_a_source() -> None:
    assert all(row.source for row in LICENCE_PHRASES)
    assert len({*FURTHER_PHRASES, *LINE_PHRASES}) == len(FURTHER_PHRASES) + len(LINE_PHRASES)
