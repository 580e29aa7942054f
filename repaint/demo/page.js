// What gradio's components lack for keyboards and screen readers: arrow keys for the handle of the before-and-after
// slider, which listens to the mouse only, and a status that is read out.
() => {
  const STEP = 0.05;
  const HANDLE = "#compare [data-testid=slider]";

  const place = (handle, share) => {
    const { left, width } = document.querySelector("#compare img").getBoundingClientRect();
    const at = { clientX: left + share * width, clientY: 0, view: window, bubbles: true };
    handle.dispatchEvent(new MouseEvent("mousedown", at));
    window.dispatchEvent(new MouseEvent("mouseup", at));
    handle.setAttribute("aria-valuenow", Math.round(100 * share));
  };

  const equip = () => {
    document.querySelector("#status")?.setAttribute("role", "status");
    const handle = document.querySelector(HANDLE);
    if (!handle || handle.tabIndex === 0) return;
    const roles = { role: "slider", "aria-label": "Before and after", "aria-valuemin": 0, "aria-valuemax": 100 };
    for (const [name, value] of Object.entries({ ...roles, "aria-valuenow": 50 })) handle.setAttribute(name, value);
    handle.tabIndex = 0;
    handle.addEventListener("keydown", (event) => {
      const now = Number(handle.getAttribute("aria-valuenow")) / 100;
      const next = { ArrowLeft: now - STEP, ArrowRight: now + STEP, Home: 0, End: 1 }[event.key];
      if (next === undefined) return;
      event.preventDefault();
      place(handle, Math.min(1, Math.max(0, next)));
    });
  };

  equip();
  new MutationObserver(equip).observe(document.body, { childList: true, subtree: true });
}
