# fish completion for sampan. The program knows the words: see 'sampan completion --help'.
function __sampan_words
    set -l words (commandline -opc)
    set -l typed (commandline -ct)
    for line in ($words[1] __complete -- $words[2..-1] $typed 2>/dev/null)
        if test "$line" = :files
            __fish_complete_path (string replace -r -- '^--[^=]*=' '' $typed)
        else
            echo $line
        end
    end
end
complete -c sampan -f -a '(__sampan_words)'
