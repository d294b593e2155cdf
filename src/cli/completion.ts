/** The words that may follow a command. */
export interface Completable {
  /** The command's own words, as `backup create`. It is empty for the program itself. */
  readonly path: string;
  /** Its commands below it, the values of its argument where they are known, and its options. */
  readonly words: readonly string[];
  /** Its options that take a value, each with its values where they are known. */
  readonly values: readonly (readonly [option: string, known: readonly string[]])[];
}

/** The shells for which there is a script. */
export const shells = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof shells)[number];

/** A word that needs no quotes in a shell. */
const plain = /^[a-z-]+$/;

const plainOf = (words: readonly string[]) => words.filter((word) => plain.test(word));
const wordsOf = ({ words }: Completable) => plainOf(words).join(" ");

/** The paths of all commands, as the patterns of a `case`. */
function pathsOf(all: readonly Completable[]): readonly string[] {
  return all.filter(({ path }) => path !== "").map(({ path }) => `"${path}"`);
}

/** The options that take a value, by their values as words of a shell. Those with the key "" take names of files and others. */
function optionsByValues(all: readonly Completable[]): ReadonlyMap<string, readonly string[]> {
  const options = new Map<string, readonly string[]>();
  for (const [option, known] of all.flatMap(({ values }) => values)) {
    const words = plainOf(known).join(" ");
    const others = options.get(words) ?? [];
    if (plain.test(option) && !others.includes(option)) options.set(words, [...others, option]);
  }
  return options;
}

/** The arms of a `case` that offer the values of options. */
function optionCases(all: readonly Completable[], offer: (values: string) => string) {
  return [...optionsByValues(all)].map(
    ([values, options]) => `    ${options.join("|")}) ${offer(values)} ;;`,
  );
}

function bash(program: string, all: readonly Completable[]): readonly string[] {
  const name = `_${program}_completion`;
  return [
    `${name}() {`,
    '  local word words="" path="" next',
    `  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do`,
    `    next="\${path:+$path }$word"`,
    `    case "$next" in ${pathsOf(all).join("|")}) path="$next" ;; esac`,
    "  done",
    '  case "$path" in',
    ...all.map((each) => `    "${each.path}") words="${wordsOf(each)}" ;;`),
    "  esac",
    `  case "\${COMP_WORDS[COMP_CWORD-1]}" in`,
    ...optionCases(all, (values) => `words="${values}"`),
    "  esac",
    `  COMPREPLY=($(compgen -W "$words" -- "\${COMP_WORDS[COMP_CWORD]}"))`,
    "}",
    `complete -o default -F ${name} ${program}`,
  ];
}

/** It can be sourced, and it can be a file of `fpath`, which runs it as the function itself. */
function zsh(program: string, all: readonly Completable[]): readonly string[] {
  return [
    `#compdef ${program}`,
    `_${program}() {`,
    '  local word next at=""',
    "  local -a offered",
    `  for word in "\${(@)words[2,CURRENT-1]}"; do`,
    `    next="\${at:+$at }$word"`,
    `    case "$next" in ${pathsOf(all).join("|")}) at="$next" ;; esac`,
    "  done",
    '  case "$at" in',
    ...all.map((each) => `    "${each.path}") offered=(${wordsOf(each)}) ;;`),
    "  esac",
    `  case "\${words[CURRENT-1]}" in`,
    ...optionCases(all, (values) => `offered=(${values})`),
    "  esac",
    "  compadd -a offered || _files",
    "}",
    `if [ "\${funcstack[1]}" = "_${program}" ]; then`,
    `  _${program}`,
    "else",
    "  (( $+functions[compdef] )) || { autoload -Uz compinit && compinit -i; }",
    `  compdef _${program} ${program}`,
    "fi",
  ];
}

function fish(program: string, all: readonly Completable[]): readonly string[] {
  const name = `__${program}`;
  return [
    `function ${name}_words`,
    "  set -l at",
    "  set -l before (commandline -opc)",
    '  switch "$before[-1]"',
    ...[...optionsByValues(all)].flatMap(([values, options]) => [
      `    case ${options.join(" ")}`,
      `      string split -n ' ' '${values}'`,
      "      return",
    ]),
    "  end",
    "  for word in $before[2..-1]",
    "    set -l next (string join -- ' ' $at $word)",
    '    switch "$next"',
    `      case ${pathsOf(all).join(" ")}`,
    "        set at $next",
    "    end",
    "  end",
    '  switch "$at"',
    ...all.flatMap((each) => [`    case "${each.path}"`, `      printf '%s\\n' ${wordsOf(each)}`]),
    "  end",
    "end",
    `function ${name}_fits`,
    "  set -l begun (commandline -ct)",
    `  for word in (${name}_words)`,
    '    test (string sub -l (string length -- "$begun") -- $word) = "$begun"; and return 0',
    "  end",
    "  return 1",
    "end",
    `complete -c ${program} -n ${name}_fits -f -a '(${name}_words)'`,
  ];
}

const scripts = { bash, zsh, fish };

/**
 * The script that completes a program's commands and options in a shell. Where none of them fits, the shell completes
 * names of files. Pure.
 */
export function completionScript(
  shell: Shell,
  program: string,
  all: readonly Completable[],
): string {
  return scripts[shell](program, all).join("\n");
}
