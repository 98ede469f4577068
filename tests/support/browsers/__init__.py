"""Debian's two browsers behind one small interface, so that a test's body is the same in both.

Chromium is driven by Playwright. Playwright's Firefox is a build of its own, and Debian 12 has no
geckodriver. Firefox itself speaks WebDriver BiDi over a WebSocket, and that is enough.
"""
