// Makes the plain forms of the screen quicker to use; every one of them works without this file too.
(() => {
  "use strict";

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

  // "Import license" first asks for the file, and a chosen or dropped file is sent at once.
  const prepareImport = (form) => {
    const input = form.querySelector("input[type=file]");
    const send = () => input.files.length && form.requestSubmit();
    input.addEventListener("change", send);
    form.addEventListener("submit", (event) => {
      if (!input.files.length) {
        event.preventDefault();
        input.click();
      }
    });
    form.noValidate = true;
    const mark = (isOver) => form.classList.toggle("is-over", isOver);
    form.addEventListener("dragover", (event) => {
      event.preventDefault();
      mark(true);
    });
    form.addEventListener("dragleave", () => mark(false));
    form.addEventListener("drop", (event) => {
      event.preventDefault();
      mark(false);
      if (event.dataTransfer.files.length) {
        input.files = event.dataTransfer.files;
        send();
      }
    });
  };

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-copy]");
    if (button) {
      copy(button);
    }
  });
  document.addEventListener("change", (event) => {
    const form = event.target.closest("[data-autosubmit]");
    if (form) {
      form.requestSubmit();
    }
  });
  // Who follows a link to the Detail pane is taken there, as by a page of its own.
  document.addEventListener("htmx:after:swap", () => {
    const heading = document.querySelector("#detail [data-focus]");
    if (heading && !heading.dataset.seen) {
      heading.dataset.seen = "yes";
      heading.focus();
    }
  });
  document.querySelectorAll("[data-import]").forEach(prepareImport);
})();
