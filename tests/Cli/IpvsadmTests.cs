namespace Forwarder.Cli.Tests;

/// <summary>ipvsadm's command line, as a program, against a real control.</summary>
public sealed class IpvsadmTests : IAsyncLifetime, IDisposable
{
    private const string Saved = """
        -A -t 172.16.58.1:80 -s wlc
        -a -t 172.16.58.1:80 -r 172.16.58.7:80 -g -w 2
        -a -t 172.16.58.1:80 -r 172.16.58.8:80 -g -w 1 -x 100
        -a -t 172.16.58.1:80 -r 172.16.58.10:80 -g -w 0 -x 2147483647 -y 60
        -A -u 172.16.58.1:53 -s mh
        -a -u 172.16.58.1:53 -r 172.16.58.7:53 -i -w 1
        -a -u 172.16.58.1:53 -r 172.16.58.8:53 -i --tun-type gue --tun-port 6080 --tun-nocsum -w 1
        -a -u 172.16.58.1:53 -r 172.16.58.9:53 -i --tun-type gre --tun-csum -w 1
        -A --sctp-service 172.16.58.1:3868 -s wlc
        -a --sctp-service 172.16.58.1:3868 -r 172.16.58.7:3869 -m -w 1
        -A -t [fd16::100]:80 -s mh
        -a -t [fd16::100]:80 -r [fd16::7]:80 -g -w 65535

        """;

    private readonly DirectorBed _bed = new();

    public Task InitializeAsync() => _bed.InitializeAsync();

    public Task DisposeAsync() => _bed.DisposeAsync();

    public void Dispose() => _bed.Dispose();

    [Fact]
    public void TheLinesThatEachLvsUserKnows()
    {
        Done("-A -t 172.16.58.1:80 -s wlc");
        Done("-a -t 172.16.58.1:80 -r 172.16.58.10 -g");
        Done("-a -t 172.16.58.1:80 -r 172.16.58.7 -g -w 2");
        Done("-e -t 172.16.58.1:80 -r 172.16.58.10 -w 3");
        Assert.Equal("""
            IP Virtual Server version 1.2.1 (size=4096)
            Prot LocalAddress:Port Scheduler Flags
              -> RemoteAddress:Port           Forward Weight ActiveConn InActConn
            TCP  172.16.58.1:80 wlc
              -> 172.16.58.7:80               Route   2      0          0         
              -> 172.16.58.10:80              Route   3      0          0         

            """, Done("-L -n"));
        Done("-d -t 172.16.58.1:80 -r 172.16.58.10");
        Done("-e -t 172.16.58.1:80 -r 172.16.58.7 -g -w 2 --u-threshold 9 --l-threshold 4");
        Assert.Contains("  -> 172.16.58.7:80               9          4          0          0         \n", Done("-L -n --thresholds"), StringComparison.Ordinal);
        Done("-e -t 172.16.58.1:80 -r 172.16.58.7 -g -w 2"); // as ipvsadm does: thresholds that are not given are none
        Done("-E -t 172.16.58.1:80 -s mh");
        Assert.Equal("-A -t 172.16.58.1:80 -s mh\n-a -t 172.16.58.1:80 -r 172.16.58.7:80 -g -w 2\n", Done("-S -n"));
        Done("-D -t 172.16.58.1:80");
        Assert.Equal("", Done("-S -n"));
    }

    [Fact]
    public void WhatIsSavedIsRestored()
    {
        Done("-R", Saved);
        string config = Done("-S -n");
        Assert.Equal(Saved, config);
        Done("-C");
        Assert.Equal("", Done("-S"));
        Done("-R", config);
        Assert.Equal(Saved, Done("-S -n"));
    }

    [Fact]
    public void AWrongLineAmongThoseToRestoreChangesNothing()
    {
        Outcome refused = _bed.Ipvsadm("-R", "-A -t 172.16.58.1:80 -s wlc\n-a -t 172.16.58.1:80 -r 172.16.58 -g\n");
        Assert.Equal((2, ""), (refused.ExitCode, refused.Output));
        Assert.Contains("-r 172.16.58", refused.Error, StringComparison.Ordinal);
        Assert.Equal("", Done("-S"));
    }

    [Fact]
    public void OneServiceIsListedWithoutTheLineOfTheWhole()
    {
        Done("-R", Saved);
        Assert.Equal("""
            Prot LocalAddress:Port Scheduler Flags
              -> RemoteAddress:Port           Forward Weight ActiveConn InActConn
            UDP  172.16.58.1:53 mh
              -> 172.16.58.7:53               Tunnel  1      0          0         
              -> 172.16.58.8:53               Tunnel  1      0          0         
              -> 172.16.58.9:53               Tunnel  1      0          0         

            """, Done("-L -n -u 172.16.58.1:53"));
        Outcome none = _bed.Ipvsadm("-L -n -t 172.16.58.1:53");
        Assert.Equal(new Outcome(1, "", "No such service\n"), none);
    }

    [Fact]
    public void TimeoutsAreSet()
    {
        Done("--set 1200 60 0");
        Assert.Equal("Timeout (tcp tcpfin udp): 1200 60 300\n", Done("-L --timeout"));
    }

    [Fact]
    public void WhatTheDirectorRefusesIsNamed()
    {
        Done("-R", Saved);
        Assert.All<(string Line, string Named)>(
        [
            ("-a -t 172.16.58.1:80 -r 172.16.58.7 -g", "172.16.58.7:80 exists already"),
            ("-A -t 172.16.58.1:80 -s wlc", "tcp:172.16.58.1:80 exists already"),
            ("-A -t 172.16.58.1:443 -s rr", "(/scheduler)"),
            ("-a -t 172.16.58.1:80 -r 10.9.9.9 -g", "(/address)"),
            ("-a -t 172.16.58.1:80 -r 172.16.58.9 -w 65536", "(/weight)"),
            ("-a -t 172.16.58.1:80 -r 172.16.58.9:8080 -g", "(/port)"),
            ("-D -t 172.16.58.1:443", "tcp:172.16.58.1:443"),
            ("-d -t 172.16.58.1:80 -r 172.16.58.9", "172.16.58.9:80"),
        ], refusal =>
        {
            Outcome refused = _bed.Ipvsadm(refusal.Line);
            Assert.Equal((1, ""), (refused.ExitCode, refused.Output));
            Assert.Contains(refusal.Named, refused.Error, StringComparison.Ordinal);
            Assert.Equal(1, refused.Error.Count(c => c == '\n'));
        });
        Assert.Equal(Saved, Done("-S"));
    }

    private string Done(string line, string input = "")
    {
        Outcome done = _bed.Ipvsadm(line, input);
        Assert.True(done is { ExitCode: 0, Error: "" }, $"{line}: {done}");
        return done.Output;
    }
}
