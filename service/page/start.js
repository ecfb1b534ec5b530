// The page's entry: builds the dashboard and listens to what concerns all of it.

import { Dashboard } from "./dashboard.js";
import { byId } from "./dom.js";
import { putInAddress } from "./others.js";

const dashboard = new Dashboard();
byId("model").addEventListener("change", ({ target }) => {
  putInAddress(target.value);
  dashboard.followAddress();
});
byId("layer").addEventListener("change", ({ target }) => dashboard.showLayer(Number(target.value)));
addEventListener("hashchange", () => dashboard.followAddress());
byId("pause").addEventListener("click", ({ target }) => {
  target.setAttribute("aria-pressed", dashboard.togglePause());
});
new ResizeObserver(() => dashboard.draw()).observe(byId("main"));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => dashboard.draw());
dashboard.poller.pollNow();
