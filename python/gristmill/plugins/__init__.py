"""Plugins: what authors import (`api`), how plugins are found (`manager`) and how they are run (`host`).

pluggy registers once, at start-up; the host runs, batch by batch, and trusts nothing. Nothing is imported
here, so that `import gristmill.plugins` costs nothing.
"""
