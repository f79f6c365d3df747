/* What can be scrolled sideways can be reached by the keyboard, for who has no mouse. */
"use strict";

function reach() {
  for (const box of document.querySelectorAll("article pre, article .table-wrapper")) {
    if (box.scrollWidth > box.clientWidth || box.scrollHeight > box.clientHeight) {
      box.tabIndex = 0;
    } else {
      box.removeAttribute("tabindex");
    }
  }
}

addEventListener("load", reach);
addEventListener("resize", reach);
addEventListener("DOMContentLoaded", () => {
  for (const side of document.querySelectorAll("aside.sidebar-drawer")) {
    side.setAttribute("aria-label", "Site");
  }
  for (const side of document.querySelectorAll("aside.toc-drawer")) {
    side.setAttribute("aria-label", "This page");
  }
});
