namespace Forwarder.Cli.Tests;

public sealed class IpvsadmCallTests
{
    [Theory]
    [InlineData("ipvsadm", "-L -n", null, "-L -n")]
    [InlineData("fwdctl", "ipvsadm -L -n", null, "-L -n")]
    [InlineData("fwdctl", "--socket /run/a.sock ipvsadm -L -n", "/run/a.sock", "-L -n")]
    [InlineData("fwdctl", "--socket=/run/a.sock ipvsadm", "/run/a.sock", "")]
    public void IpvsadmsCommandLineIsFound(string calledAs, string line, string? socket, string rest)
    {
        IpvsadmCall? call = IpvsadmCall.Find(calledAs, Words(line));
        Assert.NotNull(call);
        Assert.Equal(socket, call.Socket);
        Assert.Equal(Words(rest), call.Arguments);
    }

    [Theory]
    [InlineData("status")]
    [InlineData("--socket /run/a.sock status")]
    [InlineData("service list ipvsadm")]
    [InlineData("--socket")]
    [InlineData("")]
    public void FwdctlsOwnIsLeftAlone(string line) => Assert.Null(IpvsadmCall.Find("fwdctl", Words(line)));

    private static string[] Words(string line) => line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
}
