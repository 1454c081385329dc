# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_cuthere_global_optspecs
    string join \n o/output= q/quiet v/verbose color= no-pager h/help V/version
end

function __fish_cuthere_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_cuthere_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_cuthere_using_subcommand
    set -l cmd (__fish_cuthere_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c cuthere -n "__fish_cuthere_needs_command" -s o -l output -d 'Write to this file instead of standard output' -r -F
complete -c cuthere -n "__fish_cuthere_needs_command" -l color -d 'When to use colour' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c cuthere -n "__fish_cuthere_needs_command" -s q -l quiet -d 'Say nothing on standard error but errors'
complete -c cuthere -n "__fish_cuthere_needs_command" -s v -l verbose -d 'Say more: what was not read and why; of a review also the evidence of what was there before, and a reply without objections'
complete -c cuthere -n "__fish_cuthere_needs_command" -l no-pager -d 'Do not show text through a pager'
complete -c cuthere -n "__fish_cuthere_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c cuthere -n "__fish_cuthere_needs_command" -s V -l version -d 'Print version'
complete -c cuthere -n "__fish_cuthere_needs_command" -f -a "check" -d 'Find defects in a kernel tree, or a part of one'
complete -c cuthere -n "__fish_cuthere_needs_command" -f -a "index" -d 'Read a whole tree and keep what it says for later runs over parts of it'
complete -c cuthere -n "__fish_cuthere_needs_command" -f -a "function" -d 'Say how a function is entered, whether it may sleep, and what it does to its callers'
complete -c cuthere -n "__fish_cuthere_needs_command" -f -a "review" -d 'Say what a patch series in a mail thread introduces, fixes and leaves'
complete -c cuthere -n "__fish_cuthere_needs_command" -f -a "explain" -d 'Find the call that a crash report is about, in a tree\'s source'
complete -c cuthere -n "__fish_cuthere_needs_command" -f -a "witness" -d 'Explore a scenario, and show the interleaving that goes wrong'
complete -c cuthere -n "__fish_cuthere_needs_command" -f -a "checks" -d 'List the checks, or show one check\'s page'
complete -c cuthere -n "__fish_cuthere_needs_command" -f -a "thread" -d 'Show what a mail thread holds: messages, patch series, crash reports'
complete -c cuthere -n "__fish_cuthere_needs_command" -f -a "splat" -d 'Read crash reports out of a log, a mail or any other text'
complete -c cuthere -n "__fish_cuthere_needs_command" -f -a "completions" -d 'Print a completion script for a shell'
complete -c cuthere -n "__fish_cuthere_needs_command" -f -a "man" -d 'Print a manual page'
complete -c cuthere -n "__fish_cuthere_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c cuthere -n "__fish_cuthere_using_subcommand check" -l tree -d 'The tree\'s folder or repository [default: the nearest kernel tree above PATH, else PATH itself]' -r -f -a "(__fish_complete_directories)"
complete -c cuthere -n "__fish_cuthere_using_subcommand check" -l rev -d 'Read this git revision instead of the files on disk; for review also a range, A..B' -r
complete -c cuthere -n "__fish_cuthere_using_subcommand check" -l patch -d 'Lay this patch over the tree, in memory (repeatable, in order)' -r -F
complete -c cuthere -n "__fish_cuthere_using_subcommand check" -l arch -d 'The architecture whose headers count [default: x86]' -r
complete -c cuthere -n "__fish_cuthere_using_subcommand check" -l config -d 'A .config that decides conditionals [default: everything on but debugging and the like]' -r -F
complete -c cuthere -n "__fish_cuthere_using_subcommand check" -l model -d 'A file of kernel model entries to add to the built-in ones, written as `cuthere man model` says (repeatable)' -r -F
complete -c cuthere -n "__fish_cuthere_using_subcommand check" -s I -l include -d 'Look for includes in this folder too, before the kernel\'s own (repeatable)' -r -f -a "(__fish_complete_directories)"
complete -c cuthere -n "__fish_cuthere_using_subcommand check" -l preempt -d 'The preemption model [default: full]' -r -f -a "none\t''
voluntary\t''
full\t''
rt\t''"
complete -c cuthere -n "__fish_cuthere_using_subcommand check" -s j -l jobs -d 'Threads to use [default: one per CPU]' -r
complete -c cuthere -n "__fish_cuthere_using_subcommand check" -l cache -d 'Keep what was found in this folder, and find it there [default: cuthere in the user\'s cache folder]' -r -f -a "(__fish_complete_directories)"
complete -c cuthere -n "__fish_cuthere_using_subcommand check" -l only -d 'Run only these checks' -r -f -a "assert-held\t''
double-free\t''
double-lock\t''
dump-restart\t''
inconsistent-locking\t''
irq-unsafe-lock\t''
lock-imbalance\t''
lock-order\t''
null-deref\t''
rcu-misuse\t''
refcount-imbalance\t''
rt-percpu\t''
rt-sleeping-lock\t''
sleep-in-atomic\t''
teardown-race\t''
unlocked-lookup\t''
use-after-free\t''"
complete -c cuthere -n "__fish_cuthere_using_subcommand check" -l confidence -d 'Show findings of this confidence and above [default: medium]' -r -f -a "high\t'Fit to be mailed to the list as it stands'
medium\t'Likely right; look before mailing'
low\t'Worth a look where the code matters'"
complete -c cuthere -n "__fish_cuthere_using_subcommand check" -l exclude -d 'Leave out files and folders that match, such as drivers/staging or \'*_test.c\' (repeatable)' -r
complete -c cuthere -n "__fish_cuthere_using_subcommand check" -l baseline -d 'Leave out the findings in this file, written earlier with --format json' -r -F
complete -c cuthere -n "__fish_cuthere_using_subcommand check" -s f -l format -d 'How findings are written' -r -f -a "text\t'For people'
json\t'JSON Lines, one finding each'
sarif\t'SARIF 2.1.0'
html\t'One page that stands alone; with -o FOLDER/ an index and a page for each part'
gcc\t'As GCC writes: file:line:column: kind: text'
gitlab\t'A GitLab code quality report'
junit\t'A JUnit test report'"
complete -c cuthere -n "__fish_cuthere_using_subcommand check" -l stats -d 'Write numbers about the run to this file, as JSON' -r -F
complete -c cuthere -n "__fish_cuthere_using_subcommand check" -l dump-ir -d 'Print what a function was read as, instead of findings' -r
complete -c cuthere -n "__fish_cuthere_using_subcommand check" -s o -l output -d 'Write to this file instead of standard output' -r -F
complete -c cuthere -n "__fish_cuthere_using_subcommand check" -l color -d 'When to use colour' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c cuthere -n "__fish_cuthere_using_subcommand check" -l bh-lock -d 'On rt: disabled softirqs exclude each other by a lock'
complete -c cuthere -n "__fish_cuthere_using_subcommand check" -l no-cache -d 'Neither use nor write the cache'
complete -c cuthere -n "__fish_cuthere_using_subcommand check" -l no-settings -d 'Do not read a cuthere.toml'
complete -c cuthere -n "__fish_cuthere_using_subcommand check" -l all -d 'Show every finding with its evidence, and those in tests, tools and generated files'
complete -c cuthere -n "__fish_cuthere_using_subcommand check" -l statistics -d 'Show numbers by check and directory instead of findings'
complete -c cuthere -n "__fish_cuthere_using_subcommand check" -l to-maintainers -d 'Say who hears of each finding, by the tree\'s MAINTAINERS file'
complete -c cuthere -n "__fish_cuthere_using_subcommand check" -s q -l quiet -d 'Say nothing on standard error but errors'
complete -c cuthere -n "__fish_cuthere_using_subcommand check" -s v -l verbose -d 'Say more: what was not read and why; of a review also the evidence of what was there before, and a reply without objections'
complete -c cuthere -n "__fish_cuthere_using_subcommand check" -l no-pager -d 'Do not show text through a pager'
complete -c cuthere -n "__fish_cuthere_using_subcommand check" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c cuthere -n "__fish_cuthere_using_subcommand index" -l tree -d 'The tree\'s folder or repository [default: the nearest kernel tree above PATH, else PATH itself]' -r -f -a "(__fish_complete_directories)"
complete -c cuthere -n "__fish_cuthere_using_subcommand index" -l rev -d 'Read this git revision instead of the files on disk; for review also a range, A..B' -r
complete -c cuthere -n "__fish_cuthere_using_subcommand index" -l patch -d 'Lay this patch over the tree, in memory (repeatable, in order)' -r -F
complete -c cuthere -n "__fish_cuthere_using_subcommand index" -l arch -d 'The architecture whose headers count [default: x86]' -r
complete -c cuthere -n "__fish_cuthere_using_subcommand index" -l config -d 'A .config that decides conditionals [default: everything on but debugging and the like]' -r -F
complete -c cuthere -n "__fish_cuthere_using_subcommand index" -l model -d 'A file of kernel model entries to add to the built-in ones, written as `cuthere man model` says (repeatable)' -r -F
complete -c cuthere -n "__fish_cuthere_using_subcommand index" -s I -l include -d 'Look for includes in this folder too, before the kernel\'s own (repeatable)' -r -f -a "(__fish_complete_directories)"
complete -c cuthere -n "__fish_cuthere_using_subcommand index" -l preempt -d 'The preemption model [default: full]' -r -f -a "none\t''
voluntary\t''
full\t''
rt\t''"
complete -c cuthere -n "__fish_cuthere_using_subcommand index" -s j -l jobs -d 'Threads to use [default: one per CPU]' -r
complete -c cuthere -n "__fish_cuthere_using_subcommand index" -l cache -d 'Keep what was found in this folder, and find it there [default: cuthere in the user\'s cache folder]' -r -f -a "(__fish_complete_directories)"
complete -c cuthere -n "__fish_cuthere_using_subcommand index" -s o -l output -d 'Write to this file instead of standard output' -r -F
complete -c cuthere -n "__fish_cuthere_using_subcommand index" -l color -d 'When to use colour' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c cuthere -n "__fish_cuthere_using_subcommand index" -l bh-lock -d 'On rt: disabled softirqs exclude each other by a lock'
complete -c cuthere -n "__fish_cuthere_using_subcommand index" -l no-cache -d 'Neither use nor write the cache'
complete -c cuthere -n "__fish_cuthere_using_subcommand index" -l no-settings -d 'Do not read a cuthere.toml'
complete -c cuthere -n "__fish_cuthere_using_subcommand index" -s q -l quiet -d 'Say nothing on standard error but errors'
complete -c cuthere -n "__fish_cuthere_using_subcommand index" -s v -l verbose -d 'Say more: what was not read and why; of a review also the evidence of what was there before, and a reply without objections'
complete -c cuthere -n "__fish_cuthere_using_subcommand index" -l no-pager -d 'Do not show text through a pager'
complete -c cuthere -n "__fish_cuthere_using_subcommand index" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c cuthere -n "__fish_cuthere_using_subcommand function" -l tree -d 'The tree\'s folder or repository [default: the nearest kernel tree above PATH, else PATH itself]' -r -f -a "(__fish_complete_directories)"
complete -c cuthere -n "__fish_cuthere_using_subcommand function" -l rev -d 'Read this git revision instead of the files on disk; for review also a range, A..B' -r
complete -c cuthere -n "__fish_cuthere_using_subcommand function" -l patch -d 'Lay this patch over the tree, in memory (repeatable, in order)' -r -F
complete -c cuthere -n "__fish_cuthere_using_subcommand function" -l arch -d 'The architecture whose headers count [default: x86]' -r
complete -c cuthere -n "__fish_cuthere_using_subcommand function" -l config -d 'A .config that decides conditionals [default: everything on but debugging and the like]' -r -F
complete -c cuthere -n "__fish_cuthere_using_subcommand function" -l model -d 'A file of kernel model entries to add to the built-in ones, written as `cuthere man model` says (repeatable)' -r -F
complete -c cuthere -n "__fish_cuthere_using_subcommand function" -s I -l include -d 'Look for includes in this folder too, before the kernel\'s own (repeatable)' -r -f -a "(__fish_complete_directories)"
complete -c cuthere -n "__fish_cuthere_using_subcommand function" -l preempt -d 'The preemption model [default: full]' -r -f -a "none\t''
voluntary\t''
full\t''
rt\t''"
complete -c cuthere -n "__fish_cuthere_using_subcommand function" -s j -l jobs -d 'Threads to use [default: one per CPU]' -r
complete -c cuthere -n "__fish_cuthere_using_subcommand function" -l cache -d 'Keep what was found in this folder, and find it there [default: cuthere in the user\'s cache folder]' -r -f -a "(__fish_complete_directories)"
complete -c cuthere -n "__fish_cuthere_using_subcommand function" -s f -l format -d 'How it is written' -r -f -a "text\t'For people'
json\t'One JSON value'"
complete -c cuthere -n "__fish_cuthere_using_subcommand function" -s o -l output -d 'Write to this file instead of standard output' -r -F
complete -c cuthere -n "__fish_cuthere_using_subcommand function" -l color -d 'When to use colour' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c cuthere -n "__fish_cuthere_using_subcommand function" -l bh-lock -d 'On rt: disabled softirqs exclude each other by a lock'
complete -c cuthere -n "__fish_cuthere_using_subcommand function" -l no-cache -d 'Neither use nor write the cache'
complete -c cuthere -n "__fish_cuthere_using_subcommand function" -l no-settings -d 'Do not read a cuthere.toml'
complete -c cuthere -n "__fish_cuthere_using_subcommand function" -s q -l quiet -d 'Say nothing on standard error but errors'
complete -c cuthere -n "__fish_cuthere_using_subcommand function" -s v -l verbose -d 'Say more: what was not read and why; of a review also the evidence of what was there before, and a reply without objections'
complete -c cuthere -n "__fish_cuthere_using_subcommand function" -l no-pager -d 'Do not show text through a pager'
complete -c cuthere -n "__fish_cuthere_using_subcommand function" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c cuthere -n "__fish_cuthere_using_subcommand review" -l tree -d 'The tree\'s folder or repository [default: the nearest kernel tree above PATH, else PATH itself]' -r -f -a "(__fish_complete_directories)"
complete -c cuthere -n "__fish_cuthere_using_subcommand review" -l rev -d 'Read this git revision instead of the files on disk; for review also a range, A..B' -r
complete -c cuthere -n "__fish_cuthere_using_subcommand review" -l patch -d 'Lay this patch over the tree, in memory (repeatable, in order)' -r -F
complete -c cuthere -n "__fish_cuthere_using_subcommand review" -l arch -d 'The architecture whose headers count [default: x86]' -r
complete -c cuthere -n "__fish_cuthere_using_subcommand review" -l config -d 'A .config that decides conditionals [default: everything on but debugging and the like]' -r -F
complete -c cuthere -n "__fish_cuthere_using_subcommand review" -l model -d 'A file of kernel model entries to add to the built-in ones, written as `cuthere man model` says (repeatable)' -r -F
complete -c cuthere -n "__fish_cuthere_using_subcommand review" -s I -l include -d 'Look for includes in this folder too, before the kernel\'s own (repeatable)' -r -f -a "(__fish_complete_directories)"
complete -c cuthere -n "__fish_cuthere_using_subcommand review" -l preempt -d 'The preemption model [default: full]' -r -f -a "none\t''
voluntary\t''
full\t''
rt\t''"
complete -c cuthere -n "__fish_cuthere_using_subcommand review" -s j -l jobs -d 'Threads to use [default: one per CPU]' -r
complete -c cuthere -n "__fish_cuthere_using_subcommand review" -l cache -d 'Keep what was found in this folder, and find it there [default: cuthere in the user\'s cache folder]' -r -f -a "(__fish_complete_directories)"
complete -c cuthere -n "__fish_cuthere_using_subcommand review" -l scenario -d 'Explore this scenario before the series and after each patch (repeatable)' -r -F
complete -c cuthere -n "__fish_cuthere_using_subcommand review" -l reply -d 'Write a reply to this file, as a mail; it is not sent' -r -F
complete -c cuthere -n "__fish_cuthere_using_subcommand review" -s f -l format -d 'How the review is written' -r -f -a "text\t'For people'
json\t'One JSON object'
sarif\t'SARIF 2.1.0: what is introduced, and what a claimed fix leaves'"
complete -c cuthere -n "__fish_cuthere_using_subcommand review" -s o -l output -d 'Write to this file instead of standard output' -r -F
complete -c cuthere -n "__fish_cuthere_using_subcommand review" -l color -d 'When to use colour' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c cuthere -n "__fish_cuthere_using_subcommand review" -l bh-lock -d 'On rt: disabled softirqs exclude each other by a lock'
complete -c cuthere -n "__fish_cuthere_using_subcommand review" -l no-cache -d 'Neither use nor write the cache'
complete -c cuthere -n "__fish_cuthere_using_subcommand review" -l no-settings -d 'Do not read a cuthere.toml'
complete -c cuthere -n "__fish_cuthere_using_subcommand review" -l to-maintainers -d 'Send the reply also to those whom the tree\'s MAINTAINERS file names'
complete -c cuthere -n "__fish_cuthere_using_subcommand review" -s q -l quiet -d 'Say nothing on standard error but errors'
complete -c cuthere -n "__fish_cuthere_using_subcommand review" -s v -l verbose -d 'Say more: what was not read and why; of a review also the evidence of what was there before, and a reply without objections'
complete -c cuthere -n "__fish_cuthere_using_subcommand review" -l no-pager -d 'Do not show text through a pager'
complete -c cuthere -n "__fish_cuthere_using_subcommand review" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c cuthere -n "__fish_cuthere_using_subcommand explain" -l tree -d 'The tree\'s folder or repository [default: the nearest kernel tree above PATH, else PATH itself]' -r -f -a "(__fish_complete_directories)"
complete -c cuthere -n "__fish_cuthere_using_subcommand explain" -l rev -d 'Read this git revision instead of the files on disk; for review also a range, A..B' -r
complete -c cuthere -n "__fish_cuthere_using_subcommand explain" -l patch -d 'Lay this patch over the tree, in memory (repeatable, in order)' -r -F
complete -c cuthere -n "__fish_cuthere_using_subcommand explain" -l arch -d 'The architecture whose headers count [default: x86]' -r
complete -c cuthere -n "__fish_cuthere_using_subcommand explain" -l config -d 'A .config that decides conditionals [default: everything on but debugging and the like]' -r -F
complete -c cuthere -n "__fish_cuthere_using_subcommand explain" -l model -d 'A file of kernel model entries to add to the built-in ones, written as `cuthere man model` says (repeatable)' -r -F
complete -c cuthere -n "__fish_cuthere_using_subcommand explain" -s I -l include -d 'Look for includes in this folder too, before the kernel\'s own (repeatable)' -r -f -a "(__fish_complete_directories)"
complete -c cuthere -n "__fish_cuthere_using_subcommand explain" -l preempt -d 'The preemption model [default: full]' -r -f -a "none\t''
voluntary\t''
full\t''
rt\t''"
complete -c cuthere -n "__fish_cuthere_using_subcommand explain" -s j -l jobs -d 'Threads to use [default: one per CPU]' -r
complete -c cuthere -n "__fish_cuthere_using_subcommand explain" -l cache -d 'Keep what was found in this folder, and find it there [default: cuthere in the user\'s cache folder]' -r -f -a "(__fish_complete_directories)"
complete -c cuthere -n "__fish_cuthere_using_subcommand explain" -s f -l format -d 'How it is written' -r -f -a "text\t'For people'
json\t'One JSON value'"
complete -c cuthere -n "__fish_cuthere_using_subcommand explain" -s o -l output -d 'Write to this file instead of standard output' -r -F
complete -c cuthere -n "__fish_cuthere_using_subcommand explain" -l color -d 'When to use colour' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c cuthere -n "__fish_cuthere_using_subcommand explain" -l bh-lock -d 'On rt: disabled softirqs exclude each other by a lock'
complete -c cuthere -n "__fish_cuthere_using_subcommand explain" -l no-cache -d 'Neither use nor write the cache'
complete -c cuthere -n "__fish_cuthere_using_subcommand explain" -l no-settings -d 'Do not read a cuthere.toml'
complete -c cuthere -n "__fish_cuthere_using_subcommand explain" -s q -l quiet -d 'Say nothing on standard error but errors'
complete -c cuthere -n "__fish_cuthere_using_subcommand explain" -s v -l verbose -d 'Say more: what was not read and why; of a review also the evidence of what was there before, and a reply without objections'
complete -c cuthere -n "__fish_cuthere_using_subcommand explain" -l no-pager -d 'Do not show text through a pager'
complete -c cuthere -n "__fish_cuthere_using_subcommand explain" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c cuthere -n "__fish_cuthere_using_subcommand witness" -l write-header -d 'Write the header of scenarios to this file, for editors, and do nothing else' -r -F
complete -c cuthere -n "__fish_cuthere_using_subcommand witness" -l tree -d 'The tree\'s folder or repository [default: the nearest kernel tree above PATH, else PATH itself]' -r -f -a "(__fish_complete_directories)"
complete -c cuthere -n "__fish_cuthere_using_subcommand witness" -l rev -d 'Read this git revision instead of the files on disk; for review also a range, A..B' -r
complete -c cuthere -n "__fish_cuthere_using_subcommand witness" -l patch -d 'Lay this patch over the tree, in memory (repeatable, in order)' -r -F
complete -c cuthere -n "__fish_cuthere_using_subcommand witness" -l arch -d 'The architecture whose headers count [default: x86]' -r
complete -c cuthere -n "__fish_cuthere_using_subcommand witness" -l config -d 'A .config that decides conditionals [default: everything on but debugging and the like]' -r -F
complete -c cuthere -n "__fish_cuthere_using_subcommand witness" -l model -d 'A file of kernel model entries to add to the built-in ones, written as `cuthere man model` says (repeatable)' -r -F
complete -c cuthere -n "__fish_cuthere_using_subcommand witness" -s I -l include -d 'Look for includes in this folder too, before the kernel\'s own (repeatable)' -r -f -a "(__fish_complete_directories)"
complete -c cuthere -n "__fish_cuthere_using_subcommand witness" -l preempt -d 'The preemption model [default: full]' -r -f -a "none\t''
voluntary\t''
full\t''
rt\t''"
complete -c cuthere -n "__fish_cuthere_using_subcommand witness" -s j -l jobs -d 'Threads to use [default: one per CPU]' -r
complete -c cuthere -n "__fish_cuthere_using_subcommand witness" -l cache -d 'Keep what was found in this folder, and find it there [default: cuthere in the user\'s cache folder]' -r -f -a "(__fish_complete_directories)"
complete -c cuthere -n "__fish_cuthere_using_subcommand witness" -s D -l define -d 'Read a C program with this macro: NAME or NAME=VALUE (repeatable)' -r
complete -c cuthere -n "__fish_cuthere_using_subcommand witness" -l preemptions -d 'Preemptions of one execution [default: 2]' -r
complete -c cuthere -n "__fish_cuthere_using_subcommand witness" -l interrupts -d 'How often one interrupt source fires [default: 2]' -r
complete -c cuthere -n "__fish_cuthere_using_subcommand witness" -l unroll -d 'Rounds of a loop [default: 20; of a C program: 200]' -r
complete -c cuthere -n "__fish_cuthere_using_subcommand witness" -l time -d 'Seconds for everything, reading included [default: 20]' -r
complete -c cuthere -n "__fish_cuthere_using_subcommand witness" -l executions -d 'Executions after which the search ends [default: 10000000]' -r
complete -c cuthere -n "__fish_cuthere_using_subcommand witness" -l memory -d 'When others see what a thread stores' -r -f -a "sc\t'At once: sequential consistency'
tso\t'Through the store buffers of x86'
lkmm\t'As the kernel\'s memory model lets them, without load buffering'"
complete -c cuthere -n "__fish_cuthere_using_subcommand witness" -l strategy -d 'How schedules are chosen' -r -f -a "dpor\t'Each equivalence class of interleavings once'
states\t'Each state of a C program once, without the search through executions'
pct\t'Random priorities with a few change points'
random\t''"
complete -c cuthere -n "__fish_cuthere_using_subcommand witness" -l seed -d 'What the random strategies start from [default: 1]' -r
complete -c cuthere -n "__fish_cuthere_using_subcommand witness" -l replay -d 'Run only this schedule, as a witness printed it' -r
complete -c cuthere -n "__fish_cuthere_using_subcommand witness" -s f -l format -d 'How the outcome is written' -r -f -a "text\t'For people'
json\t'One JSON object'
html\t'One page that stands alone'"
complete -c cuthere -n "__fish_cuthere_using_subcommand witness" -s o -l output -d 'Write to this file instead of standard output' -r -F
complete -c cuthere -n "__fish_cuthere_using_subcommand witness" -l color -d 'When to use colour' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c cuthere -n "__fish_cuthere_using_subcommand witness" -l bh-lock -d 'On rt: disabled softirqs exclude each other by a lock'
complete -c cuthere -n "__fish_cuthere_using_subcommand witness" -l no-cache -d 'Neither use nor write the cache'
complete -c cuthere -n "__fish_cuthere_using_subcommand witness" -l no-settings -d 'Do not read a cuthere.toml'
complete -c cuthere -n "__fish_cuthere_using_subcommand witness" -l races -d 'Also report plain accesses that nothing orders'
complete -c cuthere -n "__fish_cuthere_using_subcommand witness" -s q -l quiet -d 'Say nothing on standard error but errors'
complete -c cuthere -n "__fish_cuthere_using_subcommand witness" -s v -l verbose -d 'Say more: what was not read and why; of a review also the evidence of what was there before, and a reply without objections'
complete -c cuthere -n "__fish_cuthere_using_subcommand witness" -l no-pager -d 'Do not show text through a pager'
complete -c cuthere -n "__fish_cuthere_using_subcommand witness" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c cuthere -n "__fish_cuthere_using_subcommand checks" -s o -l output -d 'Write to this file instead of standard output' -r -F
complete -c cuthere -n "__fish_cuthere_using_subcommand checks" -l color -d 'When to use colour' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c cuthere -n "__fish_cuthere_using_subcommand checks" -s q -l quiet -d 'Say nothing on standard error but errors'
complete -c cuthere -n "__fish_cuthere_using_subcommand checks" -s v -l verbose -d 'Say more: what was not read and why; of a review also the evidence of what was there before, and a reply without objections'
complete -c cuthere -n "__fish_cuthere_using_subcommand checks" -l no-pager -d 'Do not show text through a pager'
complete -c cuthere -n "__fish_cuthere_using_subcommand checks" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c cuthere -n "__fish_cuthere_using_subcommand thread" -s f -l format -d 'How it is written' -r -f -a "text\t'For people'
json\t'One JSON value'"
complete -c cuthere -n "__fish_cuthere_using_subcommand thread" -s o -l output -d 'Write to this file instead of standard output' -r -F
complete -c cuthere -n "__fish_cuthere_using_subcommand thread" -l color -d 'When to use colour' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c cuthere -n "__fish_cuthere_using_subcommand thread" -s q -l quiet -d 'Say nothing on standard error but errors'
complete -c cuthere -n "__fish_cuthere_using_subcommand thread" -s v -l verbose -d 'Say more: what was not read and why; of a review also the evidence of what was there before, and a reply without objections'
complete -c cuthere -n "__fish_cuthere_using_subcommand thread" -l no-pager -d 'Do not show text through a pager'
complete -c cuthere -n "__fish_cuthere_using_subcommand thread" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c cuthere -n "__fish_cuthere_using_subcommand splat" -s f -l format -d 'How it is written' -r -f -a "text\t'For people'
json\t'One JSON value'"
complete -c cuthere -n "__fish_cuthere_using_subcommand splat" -s o -l output -d 'Write to this file instead of standard output' -r -F
complete -c cuthere -n "__fish_cuthere_using_subcommand splat" -l color -d 'When to use colour' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c cuthere -n "__fish_cuthere_using_subcommand splat" -s q -l quiet -d 'Say nothing on standard error but errors'
complete -c cuthere -n "__fish_cuthere_using_subcommand splat" -s v -l verbose -d 'Say more: what was not read and why; of a review also the evidence of what was there before, and a reply without objections'
complete -c cuthere -n "__fish_cuthere_using_subcommand splat" -l no-pager -d 'Do not show text through a pager'
complete -c cuthere -n "__fish_cuthere_using_subcommand splat" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c cuthere -n "__fish_cuthere_using_subcommand completions" -s o -l output -d 'Write to this file instead of standard output' -r -F
complete -c cuthere -n "__fish_cuthere_using_subcommand completions" -l color -d 'When to use colour' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c cuthere -n "__fish_cuthere_using_subcommand completions" -s q -l quiet -d 'Say nothing on standard error but errors'
complete -c cuthere -n "__fish_cuthere_using_subcommand completions" -s v -l verbose -d 'Say more: what was not read and why; of a review also the evidence of what was there before, and a reply without objections'
complete -c cuthere -n "__fish_cuthere_using_subcommand completions" -l no-pager -d 'Do not show text through a pager'
complete -c cuthere -n "__fish_cuthere_using_subcommand completions" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c cuthere -n "__fish_cuthere_using_subcommand man" -s o -l output -d 'Write to this file instead of standard output' -r -F
complete -c cuthere -n "__fish_cuthere_using_subcommand man" -l color -d 'When to use colour' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c cuthere -n "__fish_cuthere_using_subcommand man" -s q -l quiet -d 'Say nothing on standard error but errors'
complete -c cuthere -n "__fish_cuthere_using_subcommand man" -s v -l verbose -d 'Say more: what was not read and why; of a review also the evidence of what was there before, and a reply without objections'
complete -c cuthere -n "__fish_cuthere_using_subcommand man" -l no-pager -d 'Do not show text through a pager'
complete -c cuthere -n "__fish_cuthere_using_subcommand man" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c cuthere -n "__fish_cuthere_using_subcommand help; and not __fish_seen_subcommand_from check index function review explain witness checks thread splat completions man help" -f -a "check" -d 'Find defects in a kernel tree, or a part of one'
complete -c cuthere -n "__fish_cuthere_using_subcommand help; and not __fish_seen_subcommand_from check index function review explain witness checks thread splat completions man help" -f -a "index" -d 'Read a whole tree and keep what it says for later runs over parts of it'
complete -c cuthere -n "__fish_cuthere_using_subcommand help; and not __fish_seen_subcommand_from check index function review explain witness checks thread splat completions man help" -f -a "function" -d 'Say how a function is entered, whether it may sleep, and what it does to its callers'
complete -c cuthere -n "__fish_cuthere_using_subcommand help; and not __fish_seen_subcommand_from check index function review explain witness checks thread splat completions man help" -f -a "review" -d 'Say what a patch series in a mail thread introduces, fixes and leaves'
complete -c cuthere -n "__fish_cuthere_using_subcommand help; and not __fish_seen_subcommand_from check index function review explain witness checks thread splat completions man help" -f -a "explain" -d 'Find the call that a crash report is about, in a tree\'s source'
complete -c cuthere -n "__fish_cuthere_using_subcommand help; and not __fish_seen_subcommand_from check index function review explain witness checks thread splat completions man help" -f -a "witness" -d 'Explore a scenario, and show the interleaving that goes wrong'
complete -c cuthere -n "__fish_cuthere_using_subcommand help; and not __fish_seen_subcommand_from check index function review explain witness checks thread splat completions man help" -f -a "checks" -d 'List the checks, or show one check\'s page'
complete -c cuthere -n "__fish_cuthere_using_subcommand help; and not __fish_seen_subcommand_from check index function review explain witness checks thread splat completions man help" -f -a "thread" -d 'Show what a mail thread holds: messages, patch series, crash reports'
complete -c cuthere -n "__fish_cuthere_using_subcommand help; and not __fish_seen_subcommand_from check index function review explain witness checks thread splat completions man help" -f -a "splat" -d 'Read crash reports out of a log, a mail or any other text'
complete -c cuthere -n "__fish_cuthere_using_subcommand help; and not __fish_seen_subcommand_from check index function review explain witness checks thread splat completions man help" -f -a "completions" -d 'Print a completion script for a shell'
complete -c cuthere -n "__fish_cuthere_using_subcommand help; and not __fish_seen_subcommand_from check index function review explain witness checks thread splat completions man help" -f -a "man" -d 'Print a manual page'
complete -c cuthere -n "__fish_cuthere_using_subcommand help; and not __fish_seen_subcommand_from check index function review explain witness checks thread splat completions man help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
