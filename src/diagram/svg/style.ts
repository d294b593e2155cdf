/**
 * The style of a diagram. A page that shows diagrams may set the variables of `.lockstep-diagram` itself. A state and
 * an edge say by shape or weight as well as by colour that they are marked.
 */
export const diagramStyle = `.lockstep-diagram {
  --diagram-background: #ffffff; --diagram-surface: #f6f8fb; --diagram-inner: #ffffff;
  --diagram-ink: #16202e; --diagram-muted: #566277; --diagram-line: #a3afc0; --diagram-border: #d3dbe6;
  --diagram-active: #1d5fd1; --diagram-active-surface: #e4eefe; --diagram-taken: #1d5fd1;
  --diagram-good: #16794a; --diagram-good-surface: #e5f5ec; --diagram-bad: #b42d3a; --diagram-bad-surface: #fcebec;
  font-family: ui-sans-serif, system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "DejaVu Sans", sans-serif;
}
@media (prefers-color-scheme: dark) {
  .lockstep-diagram {
    --diagram-background: #0e141d; --diagram-surface: #171f2b; --diagram-inner: #0e141d;
    --diagram-ink: #e8edf5; --diagram-muted: #9aa8bc; --diagram-line: #5a687d; --diagram-border: #2d394a;
    --diagram-active: #6ea8ff; --diagram-active-surface: #15294a; --diagram-taken: #6ea8ff;
    --diagram-good: #5fd39a; --diagram-good-surface: #10291f; --diagram-bad: #ff8a93; --diagram-bad-surface: #351a20;
  }
}
.lockstep-diagram .background { fill: var(--diagram-background); }
.lockstep-diagram text { fill: var(--diagram-ink); font-size: 11.5px; }
.lockstep-diagram .state > .box { fill: var(--diagram-surface); stroke: var(--diagram-border); stroke-width: 1.25; }
.lockstep-diagram .state.nested > .box { fill: var(--diagram-inner); }
.lockstep-diagram .state.parallel > .box { stroke-dasharray: 5 4; }
.lockstep-diagram .state.final > .box { stroke: var(--diagram-line); stroke-width: 1.25; }
.lockstep-diagram .state > .rim { fill: none; stroke: var(--diagram-line); stroke-width: 1.25; }
.lockstep-diagram .state > .name { font-size: 14px; font-weight: 650; }
.lockstep-diagram .state > .now { fill: none; }
.lockstep-diagram .line text, .lockstep-diagram .work { fill: var(--diagram-muted); }
.lockstep-diagram .count, .lockstep-diagram .caption { fill: var(--diagram-muted); font-weight: 400; }
.lockstep-diagram .arrow > path { fill: none; stroke: var(--diagram-line); stroke-width: 1.4; }
.lockstep-diagram .arrow > .head { fill: var(--diagram-line); stroke: none; }
.lockstep-diagram .begin > path { fill: none; stroke: var(--diagram-line); stroke-width: 1.4; }
.lockstep-diagram .begin > .head, .lockstep-diagram .begin > circle { fill: var(--diagram-line); stroke: none; }
.lockstep-diagram .label { fill: var(--diagram-background); stroke: var(--diagram-border); }
.lockstep-diagram .any > rect { fill: none; stroke: var(--diagram-line); stroke-dasharray: 4 3; }
.lockstep-diagram .any > text { fill: var(--diagram-muted); font-style: italic; }
.lockstep-diagram .state.active > .box { fill: var(--diagram-active-surface); stroke: var(--diagram-active); stroke-width: 2.5; }
.lockstep-diagram .state.active > .now { fill: var(--diagram-active); }
.lockstep-diagram .arrow.taken > path { stroke: var(--diagram-taken); stroke-width: 2.25; }
.lockstep-diagram .arrow.taken > .head { fill: var(--diagram-taken); stroke: none; }
.lockstep-diagram .edge.taken text { fill: var(--diagram-taken); font-weight: 650; }
.lockstep-diagram .edge.last text { text-decoration: underline; }
.lockstep-diagram .arrow.last > path { stroke-width: 3.25; }
.lockstep-diagram .state.added > .box { fill: var(--diagram-good-surface); stroke: var(--diagram-good); stroke-width: 2; }
.lockstep-diagram .state.removed > .box { fill: var(--diagram-bad-surface); stroke: var(--diagram-bad); stroke-width: 2; stroke-dasharray: 6 4; }
.lockstep-diagram .arrow.added > path { stroke: var(--diagram-good); stroke-width: 2.25; }
.lockstep-diagram .arrow.added > .head { fill: var(--diagram-good); stroke: none; }
.lockstep-diagram .arrow.removed > path { stroke: var(--diagram-bad); stroke-width: 2.25; stroke-dasharray: 6 4; }
.lockstep-diagram .arrow.removed > .head { fill: var(--diagram-bad); stroke: none; stroke-dasharray: none; }
.lockstep-diagram .edge.added text { fill: var(--diagram-good); font-weight: 650; }
.lockstep-diagram .edge.removed text { fill: var(--diagram-bad); text-decoration: line-through; }
`;
