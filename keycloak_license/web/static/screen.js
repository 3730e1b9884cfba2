// Makes the plain forms of the screen quicker to use; every one of them works without this file too.
(() => {
  "use strict";

  let isByKeyboard = false;
  let lastFocused = "";

  const on = (name, act) => document.addEventListener(name, act);
  const formOf = (event, mark) => event.target.closest?.(`[${mark}]`);

  const copy = async (button) => {
    const field = document.getElementById(button.dataset.copy);
    const status = document.querySelector("[data-copy-status]");
    try {
      await navigator.clipboard.writeText(field.value);
    } catch {
      field.select();
      document.execCommand("copy");
    }
    status.textContent = button.dataset.copied;
  };
  on("click", (event) => {
    const button = formOf(event, "data-copy");
    if (button) {
      copy(button);
    }
  });

  // "Import license" first asks for the file, and a chosen or dropped file is sent at once.
  const fileOf = (form) => form.querySelector("input[type=file]");
  const sendFile = (form) => fileOf(form).files.length && form.requestSubmit();
  on("click", (event) => {
    const form = event.target.closest("[type=submit]") && formOf(event, "data-import");
    if (form && !fileOf(form).files.length) {
      event.preventDefault();
      fileOf(form).click();
    }
  });
  on("dragover", (event) => {
    const form = formOf(event, "data-import");
    if (form) {
      event.preventDefault();
      form.classList.add("is-over");
    }
  });
  on("dragleave", (event) => formOf(event, "data-import")?.classList.remove("is-over"));
  on("drop", (event) => {
    const form = formOf(event, "data-import");
    if (form) {
      event.preventDefault();
      form.classList.remove("is-over");
      if (event.dataTransfer.files.length) {
        fileOf(form).files = event.dataTransfer.files;
        sendFile(form);
      }
    }
  });

  // By keyboard a list changes with every arrow, so that there the button beside it sends the form.
  on("keydown", () => { isByKeyboard = true; });
  on("pointerdown", () => { isByKeyboard = false; });
  on("change", (event) => {
    const importing = formOf(event, "data-import");
    const form = formOf(event, "data-autosubmit");
    if (importing) {
      sendFile(importing);
    } else if (form && !isByKeyboard) {
      form.requestSubmit();
    }
  });

  // Who follows a link to the Detail pane is taken there, as by a page of its own; who sorts or turns a page
  // stays at the link, which is a new one by now.
  on("focusin", (event) => { lastFocused = event.target.id; });
  on("htmx:after:swap", () => {
    const heading = document.querySelector("#detail [data-focus]");
    if (heading && !heading.dataset.seen) {
      heading.dataset.seen = "yes";
      heading.focus();
    } else if (document.activeElement === document.body) {
      (document.getElementById(lastFocused) ?? document.getElementById("members-title"))?.focus();
    }
  });
})();
