using System.Diagnostics;

namespace Forwarder.Nic.Tests;

/// <summary>
/// The network of LVS-DR around a director that is a machine of its own: a switch (bridge) with a client at 172.16.0.1 and two
/// real servers, each in a network namespace. The machine's TAP is made in the switch's namespace.
/// </summary>
public sealed class Bed : IDisposable
{
    /// <summary>VIPs.</summary>
    public const string Vip = "172.16.58.1", Vip6 = "fd16::1";

    /// <summary>The director's own addresses.</summary>
    public const string Dip = "172.16.58.2", Dip6 = "fd16::2";

    /// <summary>The real servers' addresses; the first has weight 2, the second 1.</summary>
    public static readonly string[] Rips = ["172.16.58.7", "172.16.58.8"], Rips6 = ["fd16::7", "fd16::8"];

    private const int StatusDigits = 3;

    private readonly string _prefix = $"nic{Environment.ProcessId}";
    private readonly List<Process> _servers = [];
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("forwarder-nicbed-");

    /// <summary>Makes the bed.</summary>
    public Bed()
    {
        string sw = Switch;
        Ip($"netns add {sw}");
        Ip($"-n {sw} link add lan type bridge mcast_snooping 0");
        Ip($"-n {sw} link set lan up");
        Attach(Client, "c", "172.16.0.1/16", "fd16::100/64");
        for (int i = 0; i < Rips.Length; i++)
        {
            string server = $"{_prefix}-rs{i + 1}";
            Attach(server, $"r{i + 1}", $"{Rips[i]}/16", $"{Rips6[i]}/64");
            In(server, "sysctl", "-qw", "net.ipv4.conf.all.arp_ignore=1", "net.ipv4.conf.all.arp_announce=2");
            Ip($"-n {server} addr add {Vip}/32 dev lo");
            Ip($"-n {server} addr add {Vip6}/128 dev lo nodad");
            _servers.Add(StartServer(server, $"rs{i + 1}"));
        }
    }

    /// <summary>Namespace of the switch.</summary>
    public string Switch => $"{_prefix}-sw";

    /// <summary>Namespace of the client; its port is named c.</summary>
    public string Client => $"{_prefix}-cl";

    /// <summary>Plugs a port that is in the switch's namespace already into the switch.</summary>
    public void Plug(string port)
    {
        Ip($"-n {Switch} link set {port} master lan up");
    }

    /// <summary>Runs ip.</summary>
    public static string Ip(string arguments)
    {
        return HostCommand.Check("ip", arguments.Split(' '));
    }

    /// <summary>Runs a program in the client's namespace.</summary>
    public CommandResult RunInClient(string program, params string[] arguments)
    {
        return HostCommand.Run("ip", ["netns", "exec", Client, program, .. arguments]);
    }

    /// <summary>Requests a page of a VIP by so many connections, one after the other.</summary>
    /// <returns>"STATUS TEXT" of each answer; "000 " where there was none.</returns>
    public IReadOnlyList<string> Get(string vip, int requests, int timeoutS = 3)
    {
        // curl takes [1-N] as a range to repeat, and an IPv6 address in brackets as one.
        string host = vip.Contains(':', StringComparison.Ordinal) ? $"[{vip}]" : vip;
        CommandResult result = RunInClient("curl", "-s", "-m", $"{timeoutS}", "-H", "Connection: close", "-w", "%{http_code}\\n", $"http://{host}/?[1-{requests}]");
        // Each answer is the server's line, then curl's; where there was none, curl's alone.
        var answers = new List<string>();
        string page = "";
        foreach (string line in result.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            if (line.Length == StatusDigits && line.All(char.IsAsciiDigit))
            {
                answers.Add($"{line} {page}");
                page = "";
            }
            else
            {
                page = line;
            }
        }

        return answers;
    }

    /// <summary>Empties the client's neighbour tables.</summary>
    public void ForgetNeighbours() => Ip($"-n {Client} neigh flush dev c");

    /// <summary>The client's entry for an address.</summary>
    public string Neighbour(string address) => Ip($"-n {Client} neigh show {address} dev c");

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (Process server in _servers)
        {
            server.Kill(entireProcessTree: true);
            server.WaitForExit();
            server.Dispose();
        }

        foreach (string name in (string[])[Client, $"{_prefix}-rs1", $"{_prefix}-rs2", Switch])
        {
            _ = HostCommand.Run("ip", "netns", "del", name);
        }

        _folder.Delete(recursive: true);
    }

    private static void In(string name, params string[] command)
    {
        _ = HostCommand.Check("ip", ["netns", "exec", name, .. command]);
    }

    private void Attach(string name, string port, string address, string address6)
    {
        Ip($"netns add {name}");
        Ip($"-n {name} link set lo up");
        Ip($"-n {Switch} link add sw-{port} type veth peer name {port} netns {name}");
        Ip($"-n {Switch} link set sw-{port} master lan up");
        Ip($"-n {name} link set {port} up");
        Ip($"-n {name} addr add {address} dev {port}");
        Ip($"-n {name} addr add {address6} dev {port} nodad");
    }

    private Process StartServer(string name, string text)
    {
        string file = Path.Combine(_folder.FullName, $"{text}.conf");
        string scratch = Directory.CreateDirectory(Path.Combine(_folder.FullName, text)).FullName;
        File.WriteAllText(file, $$"""
            daemon off; master_process off; user root root; pid {{scratch}}/pid; error_log {{scratch}}/error.log;
            events { }
            http {
                access_log off; client_body_temp_path {{scratch}}; proxy_temp_path {{scratch}}; fastcgi_temp_path {{scratch}};
                uwsgi_temp_path {{scratch}}; scgi_temp_path {{scratch}};
                server { listen 80; listen [::]:80; location / { return 200 "{{text}}\n"; } }
            }
            """);
        return Process.Start("ip", ["netns", "exec", name, "nginx", "-e", $"{scratch}/error.log", "-c", file]);
    }
}
