import { render } from "preact";
import { Page } from "./page.tsx";
import { followFleet } from "./state/live.ts";
import "./styles/page.css";

const root = document.getElementById("page");
if (root) render(<Page />, root);
void followFleet();
