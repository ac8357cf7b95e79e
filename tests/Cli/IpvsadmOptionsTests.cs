namespace Forwarder.Cli.Tests;

public sealed class IpvsadmOptionsTests
{
    [Theory]
    [InlineData("-Ln", 'L')]
    [InlineData("-l -n", 'L')]
    [InlineData("-Lnc", 'L')]
    [InlineData("", 'L')]
    [InlineData("-L -n --stats --exact", 'L')]
    [InlineData("-A -t 172.16.58.1:80 -s mh", 'A')]
    [InlineData("--add-server --tcp-service=172.16.58.1:80 -r 172.16.58.7 -g -w 2", 'a')]
    [InlineData("-d -u [fd16::100]:53 -r [fd16::7]:53", 'd')]
    [InlineData("-Z -t 172.16.58.1:80", 'Z')]
    [InlineData("-a -t 172.16.58.1:80 -r 172.16.58.7 --ipip", 'a')]
    [InlineData("-e -t 172.16.58.1:80 -r 172.16.58.7 -i -w 3", 'e')]
    [InlineData("-a -t 172.16.58.1:80 -r 172.16.58.7 -i --tun-type gue --tun-port 6080 --tun-nocsum", 'a')]
    [InlineData("-e -t 172.16.58.1:80 -r 172.16.58.7 -i --tun-type=gre --tun-csum", 'e')]
    [InlineData("-a -t 172.16.58.1:80 -r 172.16.58.7 -i --tun-type ipip", 'a')]
    [InlineData("-a -t 172.16.58.1:80 -r 172.16.58.7:8080 -m", 'a')]
    [InlineData("-S -n", 'S')]
    [InlineData("--set 900 120 300", '5')]
    [InlineData("-A --sctp-service 172.16.58.1:3868 -s mh", 'A')]
    [InlineData("-a --sctp-service=[fd16::100]:3868 -r [fd16::7]:3869 -m", 'a')]
    public void TakesWhatIpvsadmTakes(string line, char command) => Assert.Equal(command, Parse(line).Command);

    [Theory]
    [InlineData("-A -t 172.16.58.1:80 -r 172.16.58.7", "-r")]
    [InlineData("-A -t 172.16.58.1:80 -w 2", "-w")]
    [InlineData("-a -t 172.16.58.1:80 -r 172.16.58.7 -s wlc", "-s")]
    [InlineData("-C -t 172.16.58.1:80", "-t")]
    [InlineData("-d -t 172.16.58.1:80 -r 172.16.58.7 -w 1", "-w")]
    [InlineData("-S --stats", "--stats")]
    public void AnOptionThatTheCommandDoesNotHaveIsNamed(string line, string option) => Refused(line, $"Illegal option {option} with");

    [Theory]
    [InlineData("-A -f 1", "-f is not available")]
    [InlineData("-A -t 172.16.58.1:80 -p 360", "-p is not available")]
    public void WhatIsNotAvailableIsNamed(string line, string message) => Refused(line, message);

    [Theory]
    [InlineData("-L -Z", "multiple commands")]
    [InlineData("-A", "No virtual service")]
    [InlineData("-a -t 172.16.58.1:80", "No real server")]
    [InlineData("-A -t 172.16.58.1:80x", "illegal address or port")]
    [InlineData("-A -t 172.16.58:80", "illegal address or port in -t 172.16.58:80")]
    [InlineData("-A -t 010.16.58.1:80", "illegal address or port")]
    [InlineData("-A -t 0x7f.0.0.1:80", "illegal address or port")]
    [InlineData("-A -t fe80::1%2:80", "illegal address or port")]
    [InlineData("-a -t 172.16.58.1:80 -r 1", "illegal address or port in -r 1")]
    [InlineData("-A -t 172.16.58.1:65536", "illegal address or port")]
    [InlineData("-a -t 172.16.58.1:80 -r 172.16.58.7 -w -1", "illegal weight")]
    [InlineData("-a -t 172.16.58.1:80 -r 172.16.58.7 -x many", "illegal u_threshold")]
    [InlineData("-a -t 172.16.58.1:80 -r 172.16.58.7 -x 2147483648", "illegal u_threshold")]
    [InlineData("-a -t 172.16.58.1:80 -r 172.16.58.7 -x 5 -y -1", "illegal l_threshold")]
    [InlineData("-A -t 172.16.58.1:80 -x 5", "Illegal option -x")]
    [InlineData("-a -t 172.16.58.1:80 -r 172.16.58.7 -g -i", "multiple packet-forwarding methods")]
    [InlineData("-a -t 172.16.58.1:80 -r 172.16.58.7 -i --tun-type vxlan", "illegal tunnel type vxlan: ipip, gue or gre")]
    [InlineData("-a -t 172.16.58.1:80 -r 172.16.58.7 -i --tun-type gue", "gue needs --tun-port")]
    [InlineData("-a -t 172.16.58.1:80 -r 172.16.58.7 -i --tun-type gue --tun-port 0", "illegal tunnel port 0")]
    [InlineData("-a -t 172.16.58.1:80 -r 172.16.58.7 -i --tun-type gre --tun-port 6080", "--tun-port is for gue")]
    [InlineData("-a -t 172.16.58.1:80 -r 172.16.58.7 -i --tun-csum", "are for gue and gre")]
    [InlineData("-a -t 172.16.58.1:80 -r 172.16.58.7 -i --tun-type gre --tun-csum --tun-nocsum", "multiple tunnel checksum")]
    [InlineData("-a -t 172.16.58.1:80 -r 172.16.58.7 -i --tun-type gue --tun-port 6080 --tun-remcsum", "--tun-remcsum (remote checksum offload) is not available")]
    [InlineData("-a -t 172.16.58.1:80 -r 172.16.58.7 -g --tun-type gre", "need the method tunnel")]
    [InlineData("-A -t 172.16.58.1:80 --tun-type gre", "Illegal option --tun-type")]
    [InlineData("-L --nonsense", "unrecognized option")]
    [InlineData("-A -t", "needs a value")]
    [InlineData("--set 900", "timeout values")]
    public void WhatIsWrongIsSaid(string line, string message) => Refused(line, message);

    private static IpvsadmOptions Parse(string line) => IpvsadmOptions.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries));

    private static void Refused(string line, string message)
    {
        CliException e = Assert.Throws<CliException>(() => Parse(line));
        Assert.Contains(message, e.Message, StringComparison.Ordinal);
        Assert.Equal(CliException.Usage, e.ExitCode);
    }
}
