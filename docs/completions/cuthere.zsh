#compdef cuthere

autoload -U is-at-least

_cuthere() {
    typeset -A opt_args
    typeset -a _arguments_options
    local ret=1

    if is-at-least 5.2; then
        _arguments_options=(-s -S -C)
    else
        _arguments_options=(-s -C)
    fi

    local context curcontext="$curcontext" state line
    _arguments "${_arguments_options[@]}" : \
'-o+[Write to this file instead of standard output]:FILE:_files' \
'--output=[Write to this file instead of standard output]:FILE:_files' \
'--color=[When to use colour]:WHEN:((auto\:"On a terminal, unless NO_COLOR is set"
always\:""
never\:""))' \
'(-v --verbose)-q[Say nothing on standard error but errors]' \
'(-v --verbose)--quiet[Say nothing on standard error but errors]' \
'-v[Say more\: what was not read and why; of a review also the evidence of what was there before, and a reply without objections]' \
'--verbose[Say more\: what was not read and why; of a review also the evidence of what was there before, and a reply without objections]' \
'--no-pager[Do not show text through a pager]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'-V[Print version]' \
'--version[Print version]' \
":: :_cuthere_commands" \
"*::: :->cuthere" \
&& ret=0
    case $state in
    (cuthere)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:cuthere-command-$line[1]:"
        case $line[1] in
            (check)
_arguments "${_arguments_options[@]}" : \
'--tree=[The tree'\''s folder or repository \[default\: the nearest kernel tree above PATH, else PATH itself\]]:DIR:_files -/' \
'--rev=[Read this git revision instead of the files on disk; for review also a range, A..B]:REV:_default' \
'*--patch=[Lay this patch over the tree, in memory (repeatable, in order)]:FILE:_files' \
'--arch=[The architecture whose headers count \[default\: x86\]]:NAME:_default' \
'--config=[A .config that decides conditionals \[default\: everything on but debugging and the like\]]:FILE:_files' \
'*--model=[A file of kernel model entries to add to the built-in ones, written as \`cuthere man model\` says (repeatable)]:FILE:_files' \
'*-I+[Look for includes in this folder too, before the kernel'\''s own (repeatable)]:DIR:_files -/' \
'*--include=[Look for includes in this folder too, before the kernel'\''s own (repeatable)]:DIR:_files -/' \
'--preempt=[The preemption model \[default\: full\]]:MODEL:(none voluntary full rt)' \
'-j+[Threads to use \[default\: one per CPU\]]:N:_default' \
'--jobs=[Threads to use \[default\: one per CPU\]]:N:_default' \
'(--no-cache)--cache=[Keep what was found in this folder, and find it there \[default\: cuthere in the user'\''s cache folder\]]:DIR:_files -/' \
'*--only=[Run only these checks]:ID:(assert-held double-free double-lock dump-restart inconsistent-locking irq-unsafe-lock lock-imbalance lock-order null-deref rcu-misuse refcount-imbalance rt-percpu rt-sleeping-lock sleep-in-atomic teardown-race unlocked-lookup use-after-free)' \
'--confidence=[Show findings of this confidence and above \[default\: medium\]]:LEVEL:((high\:"Fit to be mailed to the list as it stands"
medium\:"Likely right; look before mailing"
low\:"Worth a look where the code matters"))' \
'*--exclude=[Leave out files and folders that match, such as drivers/staging or '\''*_test.c'\'' (repeatable)]:GLOB:_default' \
'--baseline=[Leave out the findings in this file, written earlier with --format json]:FILE:_files' \
'-f+[How findings are written]:FORMAT:((text\:"For people"
json\:"JSON Lines, one finding each"
sarif\:"SARIF 2.1.0"
html\:"One page that stands alone; with -o FOLDER/ an index and a page for each part"
gcc\:"As GCC writes\: file\:line\:column\: kind\: text"
gitlab\:"A GitLab code quality report"
junit\:"A JUnit test report"))' \
'--format=[How findings are written]:FORMAT:((text\:"For people"
json\:"JSON Lines, one finding each"
sarif\:"SARIF 2.1.0"
html\:"One page that stands alone; with -o FOLDER/ an index and a page for each part"
gcc\:"As GCC writes\: file\:line\:column\: kind\: text"
gitlab\:"A GitLab code quality report"
junit\:"A JUnit test report"))' \
'--stats=[Write numbers about the run to this file, as JSON]:FILE:_files' \
'--dump-ir=[Print what a function was read as, instead of findings]:FUNCTION:_default' \
'-o+[Write to this file instead of standard output]:FILE:_files' \
'--output=[Write to this file instead of standard output]:FILE:_files' \
'--color=[When to use colour]:WHEN:((auto\:"On a terminal, unless NO_COLOR is set"
always\:""
never\:""))' \
'--bh-lock[On rt\: disabled softirqs exclude each other by a lock]' \
'--no-cache[Neither use nor write the cache]' \
'--no-settings[Do not read a cuthere.toml]' \
'--all[Show every finding with its evidence, and those in tests, tools and generated files]' \
'(--all)--statistics[Show numbers by check and directory instead of findings]' \
'--to-maintainers[Say who hears of each finding, by the tree'\''s MAINTAINERS file]' \
'(-v --verbose)-q[Say nothing on standard error but errors]' \
'(-v --verbose)--quiet[Say nothing on standard error but errors]' \
'-v[Say more\: what was not read and why; of a review also the evidence of what was there before, and a reply without objections]' \
'--verbose[Say more\: what was not read and why; of a review also the evidence of what was there before, and a reply without objections]' \
'--no-pager[Do not show text through a pager]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'*::paths -- Files and folders to report on, relative to the current folder or else to the tree; with --tree also outside it \[default\: the current folder, or the whole of --tree\]:_files' \
&& ret=0
;;
(index)
_arguments "${_arguments_options[@]}" : \
'--tree=[The tree'\''s folder or repository \[default\: the nearest kernel tree above PATH, else PATH itself\]]:DIR:_files -/' \
'--rev=[Read this git revision instead of the files on disk; for review also a range, A..B]:REV:_default' \
'*--patch=[Lay this patch over the tree, in memory (repeatable, in order)]:FILE:_files' \
'--arch=[The architecture whose headers count \[default\: x86\]]:NAME:_default' \
'--config=[A .config that decides conditionals \[default\: everything on but debugging and the like\]]:FILE:_files' \
'*--model=[A file of kernel model entries to add to the built-in ones, written as \`cuthere man model\` says (repeatable)]:FILE:_files' \
'*-I+[Look for includes in this folder too, before the kernel'\''s own (repeatable)]:DIR:_files -/' \
'*--include=[Look for includes in this folder too, before the kernel'\''s own (repeatable)]:DIR:_files -/' \
'--preempt=[The preemption model \[default\: full\]]:MODEL:(none voluntary full rt)' \
'-j+[Threads to use \[default\: one per CPU\]]:N:_default' \
'--jobs=[Threads to use \[default\: one per CPU\]]:N:_default' \
'(--no-cache)--cache=[Keep what was found in this folder, and find it there \[default\: cuthere in the user'\''s cache folder\]]:DIR:_files -/' \
'-o+[Write to this file instead of standard output]:FILE:_files' \
'--output=[Write to this file instead of standard output]:FILE:_files' \
'--color=[When to use colour]:WHEN:((auto\:"On a terminal, unless NO_COLOR is set"
always\:""
never\:""))' \
'--bh-lock[On rt\: disabled softirqs exclude each other by a lock]' \
'--no-cache[Neither use nor write the cache]' \
'--no-settings[Do not read a cuthere.toml]' \
'(-v --verbose)-q[Say nothing on standard error but errors]' \
'(-v --verbose)--quiet[Say nothing on standard error but errors]' \
'-v[Say more\: what was not read and why; of a review also the evidence of what was there before, and a reply without objections]' \
'--verbose[Say more\: what was not read and why; of a review also the evidence of what was there before, and a reply without objections]' \
'--no-pager[Do not show text through a pager]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
&& ret=0
;;
(function)
_arguments "${_arguments_options[@]}" : \
'--tree=[The tree'\''s folder or repository \[default\: the nearest kernel tree above PATH, else PATH itself\]]:DIR:_files -/' \
'--rev=[Read this git revision instead of the files on disk; for review also a range, A..B]:REV:_default' \
'*--patch=[Lay this patch over the tree, in memory (repeatable, in order)]:FILE:_files' \
'--arch=[The architecture whose headers count \[default\: x86\]]:NAME:_default' \
'--config=[A .config that decides conditionals \[default\: everything on but debugging and the like\]]:FILE:_files' \
'*--model=[A file of kernel model entries to add to the built-in ones, written as \`cuthere man model\` says (repeatable)]:FILE:_files' \
'*-I+[Look for includes in this folder too, before the kernel'\''s own (repeatable)]:DIR:_files -/' \
'*--include=[Look for includes in this folder too, before the kernel'\''s own (repeatable)]:DIR:_files -/' \
'--preempt=[The preemption model \[default\: full\]]:MODEL:(none voluntary full rt)' \
'-j+[Threads to use \[default\: one per CPU\]]:N:_default' \
'--jobs=[Threads to use \[default\: one per CPU\]]:N:_default' \
'(--no-cache)--cache=[Keep what was found in this folder, and find it there \[default\: cuthere in the user'\''s cache folder\]]:DIR:_files -/' \
'-f+[How it is written]:FORMAT:((text\:"For people"
json\:"One JSON value"))' \
'--format=[How it is written]:FORMAT:((text\:"For people"
json\:"One JSON value"))' \
'-o+[Write to this file instead of standard output]:FILE:_files' \
'--output=[Write to this file instead of standard output]:FILE:_files' \
'--color=[When to use colour]:WHEN:((auto\:"On a terminal, unless NO_COLOR is set"
always\:""
never\:""))' \
'--bh-lock[On rt\: disabled softirqs exclude each other by a lock]' \
'--no-cache[Neither use nor write the cache]' \
'--no-settings[Do not read a cuthere.toml]' \
'(-v --verbose)-q[Say nothing on standard error but errors]' \
'(-v --verbose)--quiet[Say nothing on standard error but errors]' \
'-v[Say more\: what was not read and why; of a review also the evidence of what was there before, and a reply without objections]' \
'--verbose[Say more\: what was not read and why; of a review also the evidence of what was there before, and a reply without objections]' \
'--no-pager[Do not show text through a pager]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
':name -- The function; all functions of this name are shown:_default' \
&& ret=0
;;
(review)
_arguments "${_arguments_options[@]}" : \
'--tree=[The tree'\''s folder or repository \[default\: the nearest kernel tree above PATH, else PATH itself\]]:DIR:_files -/' \
'--rev=[Read this git revision instead of the files on disk; for review also a range, A..B]:REV:_default' \
'*--patch=[Lay this patch over the tree, in memory (repeatable, in order)]:FILE:_files' \
'--arch=[The architecture whose headers count \[default\: x86\]]:NAME:_default' \
'--config=[A .config that decides conditionals \[default\: everything on but debugging and the like\]]:FILE:_files' \
'*--model=[A file of kernel model entries to add to the built-in ones, written as \`cuthere man model\` says (repeatable)]:FILE:_files' \
'*-I+[Look for includes in this folder too, before the kernel'\''s own (repeatable)]:DIR:_files -/' \
'*--include=[Look for includes in this folder too, before the kernel'\''s own (repeatable)]:DIR:_files -/' \
'--preempt=[The preemption model \[default\: full\]]:MODEL:(none voluntary full rt)' \
'-j+[Threads to use \[default\: one per CPU\]]:N:_default' \
'--jobs=[Threads to use \[default\: one per CPU\]]:N:_default' \
'(--no-cache)--cache=[Keep what was found in this folder, and find it there \[default\: cuthere in the user'\''s cache folder\]]:DIR:_files -/' \
'*--scenario=[Explore this scenario before the series and after each patch (repeatable)]:FILE:_files' \
'--reply=[Write a reply to this file, as a mail; it is not sent]:FILE:_files' \
'-f+[How the review is written]:FORMAT:((text\:"For people"
json\:"One JSON object"
sarif\:"SARIF 2.1.0\: what is introduced, and what a claimed fix leaves"))' \
'--format=[How the review is written]:FORMAT:((text\:"For people"
json\:"One JSON object"
sarif\:"SARIF 2.1.0\: what is introduced, and what a claimed fix leaves"))' \
'-o+[Write to this file instead of standard output]:FILE:_files' \
'--output=[Write to this file instead of standard output]:FILE:_files' \
'--color=[When to use colour]:WHEN:((auto\:"On a terminal, unless NO_COLOR is set"
always\:""
never\:""))' \
'--bh-lock[On rt\: disabled softirqs exclude each other by a lock]' \
'--no-cache[Neither use nor write the cache]' \
'--no-settings[Do not read a cuthere.toml]' \
'--to-maintainers[Send the reply also to those whom the tree'\''s MAINTAINERS file names]' \
'(-v --verbose)-q[Say nothing on standard error but errors]' \
'(-v --verbose)--quiet[Say nothing on standard error but errors]' \
'-v[Say more\: what was not read and why; of a review also the evidence of what was there before, and a reply without objections]' \
'--verbose[Say more\: what was not read and why; of a review also the evidence of what was there before, and a reply without objections]' \
'--no-pager[Do not show text through a pager]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'*::thread -- The thread\: an mbox, a Maildir, a mail, a patch, `git show`, a saved page, a public-inbox repository; - is standard input. Several files are one series:_files' \
&& ret=0
;;
(explain)
_arguments "${_arguments_options[@]}" : \
'--tree=[The tree'\''s folder or repository \[default\: the nearest kernel tree above PATH, else PATH itself\]]:DIR:_files -/' \
'--rev=[Read this git revision instead of the files on disk; for review also a range, A..B]:REV:_default' \
'*--patch=[Lay this patch over the tree, in memory (repeatable, in order)]:FILE:_files' \
'--arch=[The architecture whose headers count \[default\: x86\]]:NAME:_default' \
'--config=[A .config that decides conditionals \[default\: everything on but debugging and the like\]]:FILE:_files' \
'*--model=[A file of kernel model entries to add to the built-in ones, written as \`cuthere man model\` says (repeatable)]:FILE:_files' \
'*-I+[Look for includes in this folder too, before the kernel'\''s own (repeatable)]:DIR:_files -/' \
'*--include=[Look for includes in this folder too, before the kernel'\''s own (repeatable)]:DIR:_files -/' \
'--preempt=[The preemption model \[default\: full\]]:MODEL:(none voluntary full rt)' \
'-j+[Threads to use \[default\: one per CPU\]]:N:_default' \
'--jobs=[Threads to use \[default\: one per CPU\]]:N:_default' \
'(--no-cache)--cache=[Keep what was found in this folder, and find it there \[default\: cuthere in the user'\''s cache folder\]]:DIR:_files -/' \
'-f+[How it is written]:FORMAT:((text\:"For people"
json\:"One JSON value"))' \
'--format=[How it is written]:FORMAT:((text\:"For people"
json\:"One JSON value"))' \
'-o+[Write to this file instead of standard output]:FILE:_files' \
'--output=[Write to this file instead of standard output]:FILE:_files' \
'--color=[When to use colour]:WHEN:((auto\:"On a terminal, unless NO_COLOR is set"
always\:""
never\:""))' \
'--bh-lock[On rt\: disabled softirqs exclude each other by a lock]' \
'--no-cache[Neither use nor write the cache]' \
'--no-settings[Do not read a cuthere.toml]' \
'(-v --verbose)-q[Say nothing on standard error but errors]' \
'(-v --verbose)--quiet[Say nothing on standard error but errors]' \
'-v[Say more\: what was not read and why; of a review also the evidence of what was there before, and a reply without objections]' \
'--verbose[Say more\: what was not read and why; of a review also the evidence of what was there before, and a reply without objections]' \
'--no-pager[Do not show text through a pager]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
':input -- A log, mail or other text with a crash report; - is standard input:_files' \
&& ret=0
;;
(witness)
_arguments "${_arguments_options[@]}" : \
'()--write-header=[Write the header of scenarios to this file, for editors, and do nothing else]:FILE:_files' \
'--tree=[The tree'\''s folder or repository \[default\: the nearest kernel tree above PATH, else PATH itself\]]:DIR:_files -/' \
'--rev=[Read this git revision instead of the files on disk; for review also a range, A..B]:REV:_default' \
'*--patch=[Lay this patch over the tree, in memory (repeatable, in order)]:FILE:_files' \
'--arch=[The architecture whose headers count \[default\: x86\]]:NAME:_default' \
'--config=[A .config that decides conditionals \[default\: everything on but debugging and the like\]]:FILE:_files' \
'*--model=[A file of kernel model entries to add to the built-in ones, written as \`cuthere man model\` says (repeatable)]:FILE:_files' \
'*-I+[Look for includes in this folder too, before the kernel'\''s own (repeatable)]:DIR:_files -/' \
'*--include=[Look for includes in this folder too, before the kernel'\''s own (repeatable)]:DIR:_files -/' \
'--preempt=[The preemption model \[default\: full\]]:MODEL:(none voluntary full rt)' \
'-j+[Threads to use \[default\: one per CPU\]]:N:_default' \
'--jobs=[Threads to use \[default\: one per CPU\]]:N:_default' \
'(--no-cache)--cache=[Keep what was found in this folder, and find it there \[default\: cuthere in the user'\''s cache folder\]]:DIR:_files -/' \
'*-D+[Read a C program with this macro\: NAME or NAME=VALUE (repeatable)]:NAME[=VALUE]:_default' \
'*--define=[Read a C program with this macro\: NAME or NAME=VALUE (repeatable)]:NAME[=VALUE]:_default' \
'--preemptions=[Preemptions of one execution \[default\: 2\]]:N:_default' \
'--interrupts=[How often one interrupt source fires \[default\: 2\]]:N:_default' \
'--unroll=[Rounds of a loop \[default\: 20; of a C program\: 200\]]:N:_default' \
'--time=[Seconds for everything, reading included \[default\: 20\]]:SECONDS:_default' \
'--executions=[Executions after which the search ends \[default\: 10000000\]]:N:_default' \
'--memory=[When others see what a thread stores]:MODEL:((sc\:"At once\: sequential consistency"
tso\:"Through the store buffers of x86"
lkmm\:"As the kernel'\''s memory model lets them, without load buffering"))' \
'--strategy=[How schedules are chosen]:NAME:((dpor\:"Each equivalence class of interleavings once"
states\:"Each state of a C program once, without the search through executions"
pct\:"Random priorities with a few change points"
random\:""))' \
'--seed=[What the random strategies start from \[default\: 1\]]:N:_default' \
'--replay=[Run only this schedule, as a witness printed it]:STRING:_default' \
'-f+[How the outcome is written]:FORMAT:((text\:"For people"
json\:"One JSON object"
html\:"One page that stands alone"))' \
'--format=[How the outcome is written]:FORMAT:((text\:"For people"
json\:"One JSON object"
html\:"One page that stands alone"))' \
'-o+[Write to this file instead of standard output]:FILE:_files' \
'--output=[Write to this file instead of standard output]:FILE:_files' \
'--color=[When to use colour]:WHEN:((auto\:"On a terminal, unless NO_COLOR is set"
always\:""
never\:""))' \
'--bh-lock[On rt\: disabled softirqs exclude each other by a lock]' \
'--no-cache[Neither use nor write the cache]' \
'--no-settings[Do not read a cuthere.toml]' \
'--races[Also report plain accesses that nothing orders]' \
'(-v --verbose)-q[Say nothing on standard error but errors]' \
'(-v --verbose)--quiet[Say nothing on standard error but errors]' \
'-v[Say more\: what was not read and why; of a review also the evidence of what was there before, and a reply without objections]' \
'--verbose[Say more\: what was not read and why; of a review also the evidence of what was there before, and a reply without objections]' \
'--no-pager[Do not show text through a pager]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'::scenario -- The scenario, or a C program with a main(); - is standard input:_files' \
&& ret=0
;;
(checks)
_arguments "${_arguments_options[@]}" : \
'-o+[Write to this file instead of standard output]:FILE:_files' \
'--output=[Write to this file instead of standard output]:FILE:_files' \
'--color=[When to use colour]:WHEN:((auto\:"On a terminal, unless NO_COLOR is set"
always\:""
never\:""))' \
'(-v --verbose)-q[Say nothing on standard error but errors]' \
'(-v --verbose)--quiet[Say nothing on standard error but errors]' \
'-v[Say more\: what was not read and why; of a review also the evidence of what was there before, and a reply without objections]' \
'--verbose[Say more\: what was not read and why; of a review also the evidence of what was there before, and a reply without objections]' \
'--no-pager[Do not show text through a pager]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'::id -- The check whose page to show:(assert-held double-free double-lock dump-restart inconsistent-locking irq-unsafe-lock lock-imbalance lock-order null-deref rcu-misuse refcount-imbalance rt-percpu rt-sleeping-lock sleep-in-atomic teardown-race unlocked-lookup use-after-free)' \
&& ret=0
;;
(thread)
_arguments "${_arguments_options[@]}" : \
'-f+[How it is written]:FORMAT:((text\:"For people"
json\:"One JSON value"))' \
'--format=[How it is written]:FORMAT:((text\:"For people"
json\:"One JSON value"))' \
'-o+[Write to this file instead of standard output]:FILE:_files' \
'--output=[Write to this file instead of standard output]:FILE:_files' \
'--color=[When to use colour]:WHEN:((auto\:"On a terminal, unless NO_COLOR is set"
always\:""
never\:""))' \
'(-v --verbose)-q[Say nothing on standard error but errors]' \
'(-v --verbose)--quiet[Say nothing on standard error but errors]' \
'-v[Say more\: what was not read and why; of a review also the evidence of what was there before, and a reply without objections]' \
'--verbose[Say more\: what was not read and why; of a review also the evidence of what was there before, and a reply without objections]' \
'--no-pager[Do not show text through a pager]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
':input -- What to read; - is standard input:_files' \
&& ret=0
;;
(splat)
_arguments "${_arguments_options[@]}" : \
'-f+[How it is written]:FORMAT:((text\:"For people"
json\:"One JSON value"))' \
'--format=[How it is written]:FORMAT:((text\:"For people"
json\:"One JSON value"))' \
'-o+[Write to this file instead of standard output]:FILE:_files' \
'--output=[Write to this file instead of standard output]:FILE:_files' \
'--color=[When to use colour]:WHEN:((auto\:"On a terminal, unless NO_COLOR is set"
always\:""
never\:""))' \
'(-v --verbose)-q[Say nothing on standard error but errors]' \
'(-v --verbose)--quiet[Say nothing on standard error but errors]' \
'-v[Say more\: what was not read and why; of a review also the evidence of what was there before, and a reply without objections]' \
'--verbose[Say more\: what was not read and why; of a review also the evidence of what was there before, and a reply without objections]' \
'--no-pager[Do not show text through a pager]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
':input -- What to read; - is standard input:_files' \
&& ret=0
;;
(completions)
_arguments "${_arguments_options[@]}" : \
'-o+[Write to this file instead of standard output]:FILE:_files' \
'--output=[Write to this file instead of standard output]:FILE:_files' \
'--color=[When to use colour]:WHEN:((auto\:"On a terminal, unless NO_COLOR is set"
always\:""
never\:""))' \
'(-v --verbose)-q[Say nothing on standard error but errors]' \
'(-v --verbose)--quiet[Say nothing on standard error but errors]' \
'-v[Say more\: what was not read and why; of a review also the evidence of what was there before, and a reply without objections]' \
'--verbose[Say more\: what was not read and why; of a review also the evidence of what was there before, and a reply without objections]' \
'--no-pager[Do not show text through a pager]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
':shell:(bash elvish fish powershell zsh)' \
&& ret=0
;;
(man)
_arguments "${_arguments_options[@]}" : \
'-o+[Write to this file instead of standard output]:FILE:_files' \
'--output=[Write to this file instead of standard output]:FILE:_files' \
'--color=[When to use colour]:WHEN:((auto\:"On a terminal, unless NO_COLOR is set"
always\:""
never\:""))' \
'(-v --verbose)-q[Say nothing on standard error but errors]' \
'(-v --verbose)--quiet[Say nothing on standard error but errors]' \
'-v[Say more\: what was not read and why; of a review also the evidence of what was there before, and a reply without objections]' \
'--verbose[Say more\: what was not read and why; of a review also the evidence of what was there before, and a reply without objections]' \
'--no-pager[Do not show text through a pager]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'::command -- The subcommand; or scenarios, or model\: what such files may say \[default\: the command itself\]:_default' \
&& ret=0
;;
(help)
_arguments "${_arguments_options[@]}" : \
":: :_cuthere__subcmd__help_commands" \
"*::: :->help" \
&& ret=0

    case $state in
    (help)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:cuthere-help-command-$line[1]:"
        case $line[1] in
            (check)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(index)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(function)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(review)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(explain)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(witness)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(checks)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(thread)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(splat)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(completions)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(man)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(help)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
        esac
    ;;
esac
;;
        esac
    ;;
esac
}

(( $+functions[_cuthere_commands] )) ||
_cuthere_commands() {
    local commands; commands=(
'check:Find defects in a kernel tree, or a part of one' \
'index:Read a whole tree and keep what it says for later runs over parts of it' \
'function:Say how a function is entered, whether it may sleep, and what it does to its callers' \
'review:Say what a patch series in a mail thread introduces, fixes and leaves' \
'explain:Find the call that a crash report is about, in a tree'\''s source' \
'witness:Explore a scenario, and show the interleaving that goes wrong' \
'checks:List the checks, or show one check'\''s page' \
'thread:Show what a mail thread holds\: messages, patch series, crash reports' \
'splat:Read crash reports out of a log, a mail or any other text' \
'completions:Print a completion script for a shell' \
'man:Print a manual page' \
'help:Print this message or the help of the given subcommand(s)' \
    )
    _describe -t commands 'cuthere commands' commands "$@"
}
(( $+functions[_cuthere__subcmd__check_commands] )) ||
_cuthere__subcmd__check_commands() {
    local commands; commands=()
    _describe -t commands 'cuthere check commands' commands "$@"
}
(( $+functions[_cuthere__subcmd__checks_commands] )) ||
_cuthere__subcmd__checks_commands() {
    local commands; commands=()
    _describe -t commands 'cuthere checks commands' commands "$@"
}
(( $+functions[_cuthere__subcmd__completions_commands] )) ||
_cuthere__subcmd__completions_commands() {
    local commands; commands=()
    _describe -t commands 'cuthere completions commands' commands "$@"
}
(( $+functions[_cuthere__subcmd__explain_commands] )) ||
_cuthere__subcmd__explain_commands() {
    local commands; commands=()
    _describe -t commands 'cuthere explain commands' commands "$@"
}
(( $+functions[_cuthere__subcmd__function_commands] )) ||
_cuthere__subcmd__function_commands() {
    local commands; commands=()
    _describe -t commands 'cuthere function commands' commands "$@"
}
(( $+functions[_cuthere__subcmd__help_commands] )) ||
_cuthere__subcmd__help_commands() {
    local commands; commands=(
'check:Find defects in a kernel tree, or a part of one' \
'index:Read a whole tree and keep what it says for later runs over parts of it' \
'function:Say how a function is entered, whether it may sleep, and what it does to its callers' \
'review:Say what a patch series in a mail thread introduces, fixes and leaves' \
'explain:Find the call that a crash report is about, in a tree'\''s source' \
'witness:Explore a scenario, and show the interleaving that goes wrong' \
'checks:List the checks, or show one check'\''s page' \
'thread:Show what a mail thread holds\: messages, patch series, crash reports' \
'splat:Read crash reports out of a log, a mail or any other text' \
'completions:Print a completion script for a shell' \
'man:Print a manual page' \
'help:Print this message or the help of the given subcommand(s)' \
    )
    _describe -t commands 'cuthere help commands' commands "$@"
}
(( $+functions[_cuthere__subcmd__help__subcmd__check_commands] )) ||
_cuthere__subcmd__help__subcmd__check_commands() {
    local commands; commands=()
    _describe -t commands 'cuthere help check commands' commands "$@"
}
(( $+functions[_cuthere__subcmd__help__subcmd__checks_commands] )) ||
_cuthere__subcmd__help__subcmd__checks_commands() {
    local commands; commands=()
    _describe -t commands 'cuthere help checks commands' commands "$@"
}
(( $+functions[_cuthere__subcmd__help__subcmd__completions_commands] )) ||
_cuthere__subcmd__help__subcmd__completions_commands() {
    local commands; commands=()
    _describe -t commands 'cuthere help completions commands' commands "$@"
}
(( $+functions[_cuthere__subcmd__help__subcmd__explain_commands] )) ||
_cuthere__subcmd__help__subcmd__explain_commands() {
    local commands; commands=()
    _describe -t commands 'cuthere help explain commands' commands "$@"
}
(( $+functions[_cuthere__subcmd__help__subcmd__function_commands] )) ||
_cuthere__subcmd__help__subcmd__function_commands() {
    local commands; commands=()
    _describe -t commands 'cuthere help function commands' commands "$@"
}
(( $+functions[_cuthere__subcmd__help__subcmd__help_commands] )) ||
_cuthere__subcmd__help__subcmd__help_commands() {
    local commands; commands=()
    _describe -t commands 'cuthere help help commands' commands "$@"
}
(( $+functions[_cuthere__subcmd__help__subcmd__index_commands] )) ||
_cuthere__subcmd__help__subcmd__index_commands() {
    local commands; commands=()
    _describe -t commands 'cuthere help index commands' commands "$@"
}
(( $+functions[_cuthere__subcmd__help__subcmd__man_commands] )) ||
_cuthere__subcmd__help__subcmd__man_commands() {
    local commands; commands=()
    _describe -t commands 'cuthere help man commands' commands "$@"
}
(( $+functions[_cuthere__subcmd__help__subcmd__review_commands] )) ||
_cuthere__subcmd__help__subcmd__review_commands() {
    local commands; commands=()
    _describe -t commands 'cuthere help review commands' commands "$@"
}
(( $+functions[_cuthere__subcmd__help__subcmd__splat_commands] )) ||
_cuthere__subcmd__help__subcmd__splat_commands() {
    local commands; commands=()
    _describe -t commands 'cuthere help splat commands' commands "$@"
}
(( $+functions[_cuthere__subcmd__help__subcmd__thread_commands] )) ||
_cuthere__subcmd__help__subcmd__thread_commands() {
    local commands; commands=()
    _describe -t commands 'cuthere help thread commands' commands "$@"
}
(( $+functions[_cuthere__subcmd__help__subcmd__witness_commands] )) ||
_cuthere__subcmd__help__subcmd__witness_commands() {
    local commands; commands=()
    _describe -t commands 'cuthere help witness commands' commands "$@"
}
(( $+functions[_cuthere__subcmd__index_commands] )) ||
_cuthere__subcmd__index_commands() {
    local commands; commands=()
    _describe -t commands 'cuthere index commands' commands "$@"
}
(( $+functions[_cuthere__subcmd__man_commands] )) ||
_cuthere__subcmd__man_commands() {
    local commands; commands=()
    _describe -t commands 'cuthere man commands' commands "$@"
}
(( $+functions[_cuthere__subcmd__review_commands] )) ||
_cuthere__subcmd__review_commands() {
    local commands; commands=()
    _describe -t commands 'cuthere review commands' commands "$@"
}
(( $+functions[_cuthere__subcmd__splat_commands] )) ||
_cuthere__subcmd__splat_commands() {
    local commands; commands=()
    _describe -t commands 'cuthere splat commands' commands "$@"
}
(( $+functions[_cuthere__subcmd__thread_commands] )) ||
_cuthere__subcmd__thread_commands() {
    local commands; commands=()
    _describe -t commands 'cuthere thread commands' commands "$@"
}
(( $+functions[_cuthere__subcmd__witness_commands] )) ||
_cuthere__subcmd__witness_commands() {
    local commands; commands=()
    _describe -t commands 'cuthere witness commands' commands "$@"
}

if [ "$funcstack[1]" = "_cuthere" ]; then
    _cuthere "$@"
else
    compdef _cuthere cuthere
fi
