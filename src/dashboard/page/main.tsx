import { render } from "preact";
import { followFleet } from "./state/live.ts";
import { Page } from "./page.tsx";
import "./styles/page.css";

const root = document.getElementById("page");
if (root) render(<Page />, root);
void followFleet();
