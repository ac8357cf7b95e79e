namespace Forwarder.Cli.Tests;

/// <summary>fwdctl, as a program, against a real control.</summary>
public sealed class FwdctlTests(DirectorBed bed) : IClassFixture<DirectorBed>
{
    [Fact]
    public void ServicesAndServers()
    {
        Outcome added = bed.Fwdctl("service add tcp:172.16.58.1:80 -s mh --maglev-table-size 251 --connections-max 500");
        Assert.Equal((0, ""), (added.ExitCode, added.Error));
        Assert.Matches(@"^Generation \d+: .*dataplane.*\n$", added.Output);   // stored: there is none to put it in force
        Assert.Equal(0, bed.Fwdctl("server add tcp:172.16.58.1:80 172.16.58.7 -w 2").ExitCode);
        Assert.Equal(0, bed.Fwdctl("server add tcp:172.16.58.1:80 172.16.58.8:80").ExitCode);
        Assert.Equal(0, bed.Fwdctl("server edit tcp:172.16.58.1:80 172.16.58.8 --weight 0 --upper-threshold 100 --lower-threshold 60").ExitCode);
        Assert.Equal("""
            SERVER          METHOD  WEIGHT  THRESHOLDS  ACTIVE  INACTIVE  CONNECTIONS  PACKETS  NEIGHBOUR
            172.16.58.7:80  dr      2       -           0       0         0            0        none
            172.16.58.8:80  dr      0       100 60      0       0         0            0        none

            """, bed.Fwdctl("server list tcp:172.16.58.1:80").Output);
        Assert.Equal("""
            SERVICE             SCHEDULER  SERVERS  ACTIVE  INACTIVE  MAX  CONNECTIONS  PACKETS
            tcp:172.16.58.1:80  mh         2        0       0         500  0            0

            """, bed.Fwdctl("service list").Output);
        Assert.StartsWith("{\n  \"generation\":", bed.Fwdctl("service list --json").Output, StringComparison.Ordinal);
        Refused("server add tcp:172.16.58.1:80 172.16.58.7", "172.16.58.7:80 exists already");
        Refused("server add tcp:172.16.58.1:80 172.16.58.9 -w 65536", "(/weight)");
        Refused("server add tcp:172.16.58.1:80 172.16.58.9 --upper-threshold 5 --lower-threshold 6", "(/lowerThreshold)");
        Refused("server add tcp:172.16.58.1:80 172.16.58.9 --upper-threshold -1", "(/upperThreshold)");
        Refused("service edit tcp:172.16.58.1:80 --connections-max -1", "(/connectionsMax)");
        Refused("service edit tcp:172.16.58.1:80 --client-address proxyV2", "(/servers/0/method)");
        Refused("service add udp:172.16.58.1:81 --client-address proxyV1", "(/clientAddress)");
        Refused("service add udp:172.16.58.1:81 --client-address toa", "toa is for TCP services alone. (/clientAddress)");
        Refused("service add tcp:172.16.58.1:81 -s rr", "(/scheduler)");
        Refused("service add tcp:172.16.58.1:81 --maglev-table-size 252", "(/maglevTableSize)");
        Assert.Equal(0, bed.Fwdctl("service delete tcp:172.16.58.1:80").ExitCode);
        Refused("connections delete", "all=true");
        Refused("connections delete --all --state UDP", "all=true");
        Refused("connections --state UP", "allowed are SYN_RECV");
        Refused("service show tcp:172.16.58.1:80", "There is no virtual service tcp:172.16.58.1:80.");
    }

    [Fact]
    public void RulesOfSnat()
    {
        string before = bed.Fwdctl("config get").Output;
        Assert.Equal(0, bed.Fwdctl($"config apply {bed.Write("pool.json", before.Replace("\"sourcePools\": []", """ "sourcePools": [ { "name": "out", "addresses": [ "172.16.58.200" ] } ] """, StringComparison.Ordinal))}").ExitCode);
        Assert.Equal(0, bed.Fwdctl("snat add b --source 10.9.0.0/24 --source 10.8.0.1 --gateway 172.16.58.254").ExitCode);
        Assert.Equal(0, bed.Fwdctl("snat add a --source 10.9.0.0/24 --destination 203.0.113.0/24 --source-pool out --gateway 172.16.58.253 --interface lan0 --timeouts udpS=9 --before b").ExitCode);
        Assert.Equal("""
            RULE  SOURCES                  DESTINATIONS    POOL  INTERFACE  GATEWAYS            ACTIVE  INACTIVE  CONNECTIONS  PACKETS
            a     10.9.0.0/24              203.0.113.0/24  out   lan0       172.16.58.253 none  0       0         0            0
            b     10.9.0.0/24,10.8.0.1/32  -               out   -          172.16.58.254 none  0       0         0            0

            """, bed.Fwdctl("snat list").Output);
        Assert.Contains("\"udpS\": 9", bed.Fwdctl("snat show a").Output, StringComparison.Ordinal);

        // Their order counts.
        string state = bed.Fwdctl("config get").Output;
        Outcome differs = bed.Fwdctl($"config diff {bed.Write("order.json", state.Replace("\"name\": \"a\"", "\"name\": \"x\"", StringComparison.Ordinal).Replace("\"name\": \"b\"", "\"name\": \"a\"", StringComparison.Ordinal).Replace("\"name\": \"x\"", "\"name\": \"b\"", StringComparison.Ordinal))}");
        Assert.Equal(1, differs.ExitCode);
        Assert.StartsWith("~ /snatRules: ", differs.Output, StringComparison.Ordinal);
        Refused("snat add a --source 10.9.0.0/24 --gateway 172.16.58.254", "a exists already");
        Refused("snat set a --source 10.9.0.0/24 --gateway 203.0.113.1", "203.0.113.1 is in no connected network");
        Refused("snat show c", "There is no rule of SNAT c.");
        Assert.Equal(0, bed.Fwdctl("snat set a --source 10.7.0.0/24 --gateway 172.16.58.254").ExitCode);
        Assert.Equal(0, bed.Fwdctl("snat delete a").ExitCode);
        Refused("snat delete a", "There is no rule of SNAT a.");
        Assert.Equal(0, bed.Fwdctl($"config apply {bed.Write("before.json", before)}").ExitCode);
    }

    [Fact]
    public void DifferencesOfAFile()
    {
        string before = bed.Fwdctl("config get").Output;
        string same = bed.Write("same.json", before);
        Assert.Equal(new Outcome(0, "", ""), bed.Fwdctl($"config diff {same}"));
        string changed = bed.Write("changed.json", before.Replace("172.16.58.2/16", "172.16.58.3/16", StringComparison.Ordinal).Replace("\"tcpEstablishedS\": 900", "\"tcpEstablishedS\": 60", StringComparison.Ordinal));
        Outcome differs = bed.Fwdctl($"config diff {changed}");
        Assert.Equal((1, "2 difference(s)\n"), (differs.ExitCode, differs.Error));
        Assert.Equal("""
            ~ /interfaces/lan0/addresses: ["172.16.58.2/16","fd16::2/64"] -> ["172.16.58.3/16","fd16::2/64"]
            ~ /timeouts/tcpEstablishedS: 900 -> 60

            """, differs.Output);
        Refused($"config diff {bed.Write("bad.json", "{")}", "Not a configuration: Not JSON: ");
        Refused($"config diff {bed.Write("bad.json", """{ "vrrp": [ { "name": "a", "priorty": 1 } ] }""")}", "Not a configuration: /vrrp/0/priorty: There is no member \"priorty\" here; allowed are acceptMode, ");
        Refused($"config diff {bed.Write("none.json", "")}.missing", "none.json.missing");
    }

    [Fact]
    public void AFileIsAppliedWholeOrNotAtAll()
    {
        string before = bed.Fwdctl("config get").Output;
        string wrong = bed.Write("wrong.json", before.Replace("\"services\": [", "\"services\":[{\"protocol\":\"tcp\",\"address\":\"172.16.58.20\",\"port\":80},{\"protocol\":\"tcp\",\"address\":\"172.16.58\",\"port\":80}", StringComparison.Ordinal));
        Refused($"config apply {wrong}", "(/services/1/address)");
        Assert.Equal(before, bed.Fwdctl("config get").Output);
        Assert.Equal(0, bed.Fwdctl($"config apply {bed.Write("right.json", before)}").ExitCode);
    }

    [Theory]
    [InlineData("server add tcp:172.16.58:80 172.16.58.7", "tcp:172.16.58:80 does not name a virtual service")]
    [InlineData("server add tcp:172.16.58.1:80 010.0.0.1", "010.0.0.1 does not name a real server")]
    [InlineData("server add tcp:172.16.58.1:80 172.16.58.7 -w many", "--weight many: not a whole number. 0 to 65535")]
    [InlineData("vrrp handover web --for 1.5", "--for 1.5: not a whole number. Seconds, 1 to 86400")]
    [InlineData("vrrp handover web --for", "--for")]
    [InlineData("server add", "Required argument")]
    [InlineData("nonsense", "nonsense")]
    [InlineData("completion csh", "bash, zsh and fish")]
    [InlineData("ipvsadm -A -t 172.16.58:80", "illegal address or port in -t 172.16.58:80")]
    public void AWrongCommandLine(string line, string named)
    {
        Outcome wrong = bed.Fwdctl(line);
        Assert.Equal(2, wrong.ExitCode);
        Assert.Contains(named, wrong.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void TheSocketIsNamedInThreeWays()
    {
        Outcome nobody = Fwdctl.Run(null, "status");
        Assert.Equal((1, ""), (nobody.ExitCode, nobody.Output));
        Assert.Contains("No director answers on /nonexistent/api.sock (there is no such socket)", nobody.Error, StringComparison.Ordinal);
        Assert.Contains("--socket or FORWARDER_SOCKET", nobody.Error, StringComparison.Ordinal);
        Assert.Equal(0, Fwdctl.Run(null, $"status --socket {bed.Socket}").ExitCode);
        Assert.Equal(0, Fwdctl.Run(null, $"--socket {bed.Socket} ipvsadm -L -n").ExitCode);
        Assert.Equal(1, Fwdctl.RunIpvsadm(null, "-L -n").ExitCode);
    }

    private void Refused(string line, string named)
    {
        Outcome refused = bed.Fwdctl(line);
        Assert.Equal((1, ""), (refused.ExitCode, refused.Output));
        Assert.Contains(named, refused.Error, StringComparison.Ordinal);
    }
}
