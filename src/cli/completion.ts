/** The words that may follow a command. */
export interface Completable {
  /** The command's own words, as `backup create`. It is empty for the program itself. */
  readonly path: string;
  /** Its commands below it, and its options. */
  readonly words: readonly string[];
}

/** A word that needs no quotes in a shell. */
const plain = /^[a-z-]+$/;

function caseOf({ path, words }: Completable): string {
  const safe = words.filter((word) => plain.test(word));
  return `    "${path}") words="${safe.join(" ")}" ;;`;
}

/**
 * The script that completes a program's commands and options in bash. Where none of them fits, bash completes names of
 * files. Pure.
 */
export function bashCompletion(program: string, all: readonly Completable[]): string {
  const paths = all.filter(({ path }) => path !== "").map(({ path }) => `"${path}"`);
  const name = `_${program}_completion`;
  return [
    `${name}() {`,
    '  local word words="" path="" next',
    `  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do`,
    '    next="${path:+$path }$word"',
    `    case "$next" in ${paths.join("|")}) path="$next" ;; esac`,
    "  done",
    '  case "$path" in',
    ...all.map(caseOf),
    "  esac",
    `  COMPREPLY=($(compgen -W "$words" -- "\${COMP_WORDS[COMP_CWORD]}"))`,
    "}",
    `complete -o default -F ${name} ${program}`,
  ].join("\n");
}
