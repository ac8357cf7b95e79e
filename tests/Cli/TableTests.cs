namespace Forwarder.Cli.Tests;

/// <summary>Output of each listing for recorded answers; the folder golden has what is expected.</summary>
public sealed class TableTests(RecordedDirector director) : IClassFixture<RecordedDirector>
{
    [Theory]
    [InlineData("status")]
    [InlineData("ports")]
    [InlineData("workers")]
    [InlineData("neighbours")]
    [InlineData("stats")]
    [InlineData("service list")]
    [InlineData("connections")]
    [InlineData("ipvsadm -L -n")]
    [InlineData("ipvsadm -Ln --stats")]
    [InlineData("ipvsadm -Ln --rate")]
    [InlineData("ipvsadm -Lnc")]
    [InlineData("ipvsadm -S -n")]
    public void Table(string line)
    {
        string expected = File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "golden", line.Replace(" ", "", StringComparison.Ordinal) + ".txt"));
        Assert.Equal(new Outcome(0, expected, ""), Fwdctl.Run(director.Socket, line));
    }

    [Theory]
    [InlineData("status")]
    [InlineData("ports")]
    [InlineData("workers")]
    [InlineData("neighbours")]
    public void JsonIsTheAnswerAsItIs(string name) =>
        Assert.Equal(File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "answers", name + ".json")) + "\n", Fwdctl.Run(director.Socket, $"{name} --json").Output);

    [Fact]
    public void AnErrorThatIsNoProblemIsShownAsItIs() => Assert.Equal(new Outcome(1, "", "503 busy\n"), Fwdctl.Run(director.Socket, "ipvsadm -C"));
}
