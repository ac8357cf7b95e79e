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
    public void AllPagesOfConnectionsAreOneListInJson() =>
        Assert.Equal(["172.16.0.1:11517", "172.16.0.1:24941", "172.16.0.1:34436"], System.Text.Json.JsonSerializer.Deserialize(Fwdctl.Run(director.Socket, "connections --json").Output, Forwarder.Api.ApiJson.Default.ConnectionList)!.Connections.Select(c => c.Client));

    [Theory]
    [InlineData("connections --service tcp:172.16.58.1:80 --client 172.16.0.1 --server [fd16::7]:80 --state UDP", "GET ?cursor=2199023256466&service=tcp:172.16.58.1:80&client=172.16.0.1&server=[fd16::7]:80&state=UDP")]
    [InlineData("connections delete --service tcp:172.16.58.1:80 --server removed", "DELETE ?service=tcp:172.16.58.1:80&server=removed")]
    [InlineData("connections delete --all", "DELETE ?all=true&")]
    [InlineData("ipvsadm -L -c -u [fd16::100]:53", "GET ?cursor=2199023256466&service=udp:[fd16::100]:53")]
    public void FiltersOfConnectionsReachTheDirector(string line, string asked)
    {
        Outcome done = Fwdctl.Run(director.Socket, line);
        Assert.Equal((0, ""), (done.ExitCode, done.Error));
        Assert.Equal(asked, director.LastConnections);
        Assert.Equal(asked[0] == 'D', done.Output == "7 connections removed.\n");
    }

    [Fact]
    public void AnErrorThatIsNoProblemIsShownAsItIs() => Assert.Equal(new Outcome(1, "", "503 busy\n"), Fwdctl.Run(director.Socket, "ipvsadm -C"));
}
