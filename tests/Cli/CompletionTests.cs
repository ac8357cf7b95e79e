using System.Diagnostics;

namespace Forwarder.Cli.Tests;

public sealed class CompletionTests
{
    [Theory]
    [InlineData("fwdctl se", "server service")]
    [InlineData("fwdctl service a", "add")]
    [InlineData("fwdctl completion ", "bash fish zsh")]
    public void BashCompletes(string line, string expected)
    {
        string script = $"""
            {Completion.Script("bash")}
            fwdctl() {'{'} "{Path.Combine(AppContext.BaseDirectory, "fwdctl")}" "$@"; {'}'}
            COMP_LINE='{line}' COMP_POINT={line.Length}
            COMP_WORDS=({(line.EndsWith(' ') ? line + "''" : line)})
            COMP_CWORD=$(({'$'}{'{'}#COMP_WORDS[@]{'}'} - 1))
            _fwdctl
            echo "{'$'}{'{'}COMPREPLY[*]{'}'}"
            """;
        using Process bash = Process.Start(new ProcessStartInfo("bash", ["--norc", "-c", script]) { RedirectStandardOutput = true })!;
        string output = bash.StandardOutput.ReadToEnd();
        bash.WaitForExit();
        Assert.Equal(expected, string.Join(' ', output.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries).Where(w => w[0] != '-').Order(StringComparer.Ordinal)));
    }

    [Fact]
    public void AnotherShellIsRefused() => Assert.Contains("bash, zsh and fish", Assert.Throws<CliException>(() => Completion.Script("csh")).Message);
}
