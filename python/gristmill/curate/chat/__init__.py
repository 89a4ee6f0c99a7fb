"""Chat templates: which one a recipe means, how it is rendered, and which parts of the result are the assistant's.

Rendering happens in the map stage, in Python; what it gives goes to the engine as one JSON string a document
(`render`). Nothing here needs a training library; jinja2 is imported when a template is compiled.
"""

from gristmill.curate.chat.render import Renderer
from gristmill.curate.chat.resolve import ChatTemplates, resolve_templates

__all__ = ["ChatTemplates", "Renderer", "resolve_templates"]
