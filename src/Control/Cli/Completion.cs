namespace Forwarder.Cli;

/// <summary>Scripts for shells: what fits is asked of fwdctl itself, so that the scripts never age.</summary>
public static class Completion
{
    /// <summary>Script of a shell.</summary>
    /// <exception cref="CliException">There is none for it.</exception>
    public static string Script(string shell) => shell switch
    {
        "bash" => """
            _fwdctl() {
                local IFS=$'\n'
                COMPREPLY=( $(compgen -W "$("${COMP_WORDS[0]}" "[suggest:$COMP_POINT]" "$COMP_LINE" 2>/dev/null)" -- "${COMP_WORDS[COMP_CWORD]}") )
            }
            complete -o default -F _fwdctl fwdctl
            """,
        "zsh" => """
            #compdef fwdctl
            _fwdctl() {
                local -a found
                found=(${(f)"$("${words[1]}" "[suggest:$CURSOR]" "$BUFFER" 2>/dev/null)"})
                compadd -a found || _files
            }
            compdef _fwdctl fwdctl
            """,
        "fish" => """
            function __fwdctl
                set -l line (commandline -cp)
                fwdctl "[suggest:"(string length -- "$line")"]" "$line" 2>/dev/null
            end
            complete -c fwdctl -f -a '(__fwdctl)'
            complete -c fwdctl -F -n '__fish_seen_subcommand_from diff apply'
            """,
        _ => throw new CliException($"There is no completion for {shell}; there is for bash, zsh and fish.", CliException.Usage),
    };
}
