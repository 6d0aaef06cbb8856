"""A minimal browser for plain HTML: pages, links and forms over the sandbox's proxy."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import requests
from lxml import html

from sandbox.environment import environment

_TIMEOUT = 30


class Page:
    """A loaded page; forms and elements are found by their id."""

    def __init__(self, response: requests.Response) -> None:
        self.url = response.url
        self.status = response.status_code
        root: Any = cast("Any", html.fromstring(response.content or b"<html/>", base_url=response.url))
        root.make_links_absolute()
        for form in root.forms:
            form.action = (
                form.action or response.url
            )  # A form without an action is sent to its page's own address.
        self._root = root

    def form(self, identifier: str) -> Any | None:
        """The form with this id, as lxml represents it."""
        return next((form for form in self._root.forms if form.get("id") == identifier), None)

    def text(self, identifier: str) -> str | None:
        """The text of the element with this id."""
        element = self._root.get_element_by_id(identifier, None)
        return None if element is None else _squeezed(element.text_content())

    def hints(self) -> list[str]:
        """The texts of the page's paragraphs."""
        return [_squeezed(paragraph.text_content()) for paragraph in self._root.iter("p")]

    def link(self, text: str) -> str | None:
        """The address of the link with this text."""
        return next(
            (a.get("href") for a in self._root.iter("a") if _squeezed(a.text_content()) == text), None
        )

    def controls(self) -> dict[str, Any]:
        """The page's controls by label."""
        labels = ((_squeezed(label.text_content()), label.for_element) for label in self._root.iter("label"))
        return {text: control for text, control in labels if control is not None}

    def items(self, identifier: str) -> list[str]:
        """The texts of the items of the list with this id."""
        found = self._root.get_element_by_id(identifier, None)
        return [] if found is None else [_squeezed(item.text_content()) for item in found.iter("li")]


class Browser:
    """A browser with its own cookies that reaches the sandbox in ``home`` and nothing else.

    Raises:
        NotRunningError: nothing runs in ``home``.
    """

    def __init__(self, home: Path) -> None:
        variables = environment(home)
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.proxies = {"http": variables["HTTP_PROXY"], "https": variables["HTTPS_PROXY"]}
        self._session.verify = variables["REQUESTS_CA_BUNDLE"]

    def open(self, url: str) -> Page:
        """Load a page."""
        return Page(self._session.get(url, timeout=_TIMEOUT))

    def submit(self, form: Any, values: Mapping[str, str] | None = None) -> Page:
        """Submit a form with these values in its fields."""
        for name, value in (values or {}).items():
            form.fields[name] = value
        data = form.form_values()
        return Page(self._session.request(form.method, form.action, data=data, timeout=_TIMEOUT))

    def press(self, form: Any, name: str, value: str) -> Page:
        """Submit a form with one of its buttons."""
        data = [*form.form_values(), (name, value)]
        return Page(self._session.request(form.method, form.action, data=data, timeout=_TIMEOUT))


def _squeezed(text: str) -> str:
    return " ".join(text.split())
