using System.Globalization;
using System.Net;
using Forwarder.Api;

namespace Forwarder.Cli;

/// <summary>ipvsadm's command line, as ipvsadm(8) 1.31 has it.</summary>
public sealed class IpvsadmOptions
{
    private static readonly Dictionary<string, char> s_longCommands = new()
    {
        ["add-service"] = 'A', ["edit-service"] = 'E', ["delete-service"] = 'D', ["clear"] = 'C', ["restore"] = 'R', ["save"] = 'S', ["add-server"] = 'a', ["edit-server"] = 'e',
        ["delete-server"] = 'd', ["list"] = 'L', ["zero"] = 'Z', ["tcp-service"] = 't', ["udp-service"] = 'u', ["fwmark-service"] = 'f', ["scheduler"] = 's', ["real-server"] = 'r',
        ["gatewaying"] = 'g', ["ipip"] = 'i', ["masquerading"] = 'm', ["fullnat"] = 'b', ["weight"] = 'w', ["u-threshold"] = 'x', ["l-threshold"] = 'y', ["persistent"] = 'p', ["numeric"] = 'n', ["connection"] = 'c', ["help"] = 'h', ["version"] = 'v',
        ["stats"] = '1', ["rate"] = '2', ["exact"] = '3', ["timeout"] = '4', ["set"] = '5', ["sctp-service"] = '6', ["daemon"] = '7', ["sort"] = '8', ["nosort"] = '9', ["thresholds"] = '0',
        ["tun-type"] = TunType, ["tun-port"] = TunPort, ["tun-nocsum"] = TunNoChecksum, ["tun-csum"] = TunChecksum, ["tun-remcsum"] = TunRemoteChecksum,
    };

    private const string Commands = "AEDCRSaedLZ5hv", TakeValue = "tufsrwxy6\u0001\u0002", Unsupported = "f7p";

    // Options that have no letter, not even by mistake.
    private const char TunType = '\u0001', TunPort = '\u0002', TunNoChecksum = '\u0003', TunChecksum = '\u0004', TunRemoteChecksum = '\u0005';
    private const string TunOptions = "\u0001\u0002\u0003\u0004\u0005";

    private static readonly Dictionary<char, string> s_allowed = new()
    {
        ['A'] = "tu6s", ['E'] = "tu6s", ['D'] = "tu6", ['C'] = "", ['R'] = "", ['S'] = "n", ['a'] = "tu6rgimbwxy" + TunOptions, ['e'] = "tu6rgimbwxy" + TunOptions, ['d'] = "tu6r", ['Z'] = "tu6", ['5'] = "", ['L'] = "tu6cn1234890",
    };

    private readonly List<(char Option, string Shown)> _given = [];

    /// <summary>Command: one of A E D C R S a e d L Z, 5 (--set), h, v.</summary>
    public char Command { get; private set; }

    /// <summary>"tcp", "udp" or "sctp", and the service's address and port.</summary>
    public string? Protocol { get; private set; }
    public IPEndPoint? Service { get; private set; }

    /// <summary>Real server; port 0 = that of the service.</summary>
    public IPEndPoint? Server { get; private set; }

    public string? Scheduler { get; private set; }
    public int? Weight { get; private set; }

    /// <summary>--u-threshold and --l-threshold; null if they were not given, which means 0.</summary>
    public int? UpperThreshold { get; private set; }
    public int? LowerThreshold { get; private set; }

    /// <summary>"dr", "tunnel", "nat" or "fullnat"; null if no method was given, which means dr.</summary>
    public string? Method { get; private set; }

    /// <summary>--tun-type and what goes with it; null if none of it was given.</summary>
    public TunnelSettings? Tunnel { get; private set; }
    public bool Numeric { get; private set; }
    public bool Connections { get; private set; }
    public bool Stats { get; private set; }
    public bool Rate { get; private set; }
    public bool Exact { get; private set; }
    public bool Timeouts { get; private set; }
    public bool Thresholds { get; private set; }

    /// <summary>--nosort: in the order of the API.</summary>
    public bool Unsorted { get; private set; }

    /// <summary>--set tcp tcpfin udp, in seconds; 0 = leave.</summary>
    public int[] SetSeconds { get; private set; } = [];

    /// <summary>Reads a command line.</summary>
    /// <exception cref="CliException">What is wrong.</exception>
    public static IpvsadmOptions Parse(IReadOnlyList<string> arguments)
    {
        IpvsadmOptions options = new();
        for (int i = 0; i < arguments.Count; i++)
        {
            string argument = arguments[i];
            if (argument.StartsWith("--", StringComparison.Ordinal))
            {
                string[] parts = argument[2..].Split('=', 2);
                char option = s_longCommands.TryGetValue(parts[0], out char known) ? known : throw new CliException($"ipvsadm: unrecognized option '{argument}'", CliException.Usage);
                options.Take(option, parts.Length == 2 ? parts[1] : null, arguments, ref i, argument);
            }
            else if (argument.Length > 1 && argument[0] == '-')
            {
                for (int at = 1; at < argument.Length; at++)
                {
                    bool takes = TakeValue.Contains(argument[at], StringComparison.Ordinal);
                    options.Take(argument[at] == 'l' ? 'L' : argument[at], takes && at + 1 < argument.Length ? argument[(at + 1)..] : null, arguments, ref i, "-" + argument[at]);
                    at = takes ? argument.Length : at;
                }
            }
            else
            {
                throw new CliException($"ipvsadm: unexpected argument {argument}", CliException.Usage);
            }
        }

        options.Check();
        return options;
    }

    private void Take(char option, string? value, IReadOnlyList<string> arguments, ref int i, string shown)
    {
        if (Unsupported.Contains(option, StringComparison.Ordinal))
        {
            throw new CliException($"ipvsadm: {shown} is not available in this release of Forwarder; direct routing (-g), tunnel (-i), masquerading (-m) and FullNAT (-b) for tcp (-t), udp (-u) and sctp (--sctp-service) services are.", CliException.Usage);
        }

        if (Commands.Contains(option, StringComparison.Ordinal) && Command == 0)
        {
            Command = option;
            if (option == '5')
            {
                SetSeconds = [Number(arguments, ref i), Number(arguments, ref i), Number(arguments, ref i)];
            }

            return;
        }

        if (Commands.Contains(option, StringComparison.Ordinal))
        {
            throw new CliException("ipvsadm: multiple commands specified", CliException.Usage);
        }

        if (TakeValue.Contains(option, StringComparison.Ordinal))
        {
            value ??= ++i < arguments.Count ? arguments[i] : throw new CliException($"ipvsadm: option {shown} needs a value", CliException.Usage);
        }

        _given.Add((option, shown));
        switch (option)
        {
            case 't' or 'u' or '6': (Protocol, Service) = (option switch { 't' => "tcp", 'u' => "udp", _ => "sctp" }, EndPoint(value!, shown)); break;
            case 'r': Server = EndPoint(value!, shown); break;
            case 's': Scheduler = value; break;
            case 'w': Weight = int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out int weight) ? weight : throw new CliException("illegal weight specified", CliException.Usage); break;
            case 'x': UpperThreshold = Threshold(value, "u_threshold"); break;
            case 'y': LowerThreshold = Threshold(value, "l_threshold"); break;
            case 'g' or 'i' or 'm' or 'b' when Method != null: throw new CliException("multiple packet-forwarding methods specified", CliException.Usage);
            case 'g': Method = "dr"; break;
            case 'i': Method = "tunnel"; break;
            case 'm': Method = "nat"; break;
            case 'b': Method = "fullnat"; break; // as DPVS's ipvsadm has it
            case TunType or TunPort or TunNoChecksum or TunChecksum or TunRemoteChecksum: TakeTunnel(option, value, shown); break;
            case 'n': Numeric = true; break;
            case 'c': Connections = true; break;
            case '1': Stats = true; break;
            case '2': Rate = true; break;
            case '3': Exact = true; break;
            case '4': Timeouts = true; break;
            case '0': Thresholds = true; break;
            case '8': break; // sorted is what it does without, too
            case '9': Unsorted = true; break;
            default: throw new CliException($"ipvsadm: unrecognized option '{shown}'", CliException.Usage);
        }
    }

    private static int Threshold(string? value, string name) => int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out int threshold)
        ? threshold
        : throw new CliException($"illegal {name} specified: 0 to {int.MaxValue} connections are allowed", CliException.Usage);

    private void TakeTunnel(char option, string? value, string shown)
    {
        Tunnel ??= new TunnelSettings();
        switch (option)
        {
            case TunType: Tunnel.Type = value is "ipip" or "gue" or "gre" ? value : throw new CliException($"illegal tunnel type {value}: ipip, gue or gre is needed", CliException.Usage); break;
            case TunPort: Tunnel.Port = int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out int port) && port is > 0 and <= ushort.MaxValue ? port : throw new CliException($"illegal tunnel port {value}: 1 to 65535 is needed", CliException.Usage); break;
            case TunRemoteChecksum: throw new CliException($"ipvsadm: {shown} (remote checksum offload) is not available in this release of Forwarder; --tun-csum and --tun-nocsum are.", CliException.Usage);
            default: Tunnel.Checksum = Tunnel.Checksum == null ? option == TunChecksum : throw new CliException("multiple tunnel checksum options specified", CliException.Usage); break;
        }
    }

    private void CheckTunnel()
    {
        if (Tunnel != null && Method != "tunnel")
        {
            throw new CliException("Options --tun-type, --tun-port, --tun-csum and --tun-nocsum need the method tunnel (-i).", CliException.Usage);
        }

        if (Tunnel is { Type: "gue", Port: null })
        {
            throw new CliException("Tunnel type gue needs --tun-port.", CliException.Usage);
        }

        if (Tunnel is { Type: not "gue", Port: not null } or { Type: "ipip", Checksum: not null })
        {
            throw new CliException($"Illegal tunnel option with type {Tunnel.Type}: --tun-port is for gue, --tun-csum and --tun-nocsum are for gue and gre.", CliException.Usage);
        }
    }

    private void Check()
    {
        if (Command == 0)
        {
            Command = 'L'; // as ipvsadm does
        }

        if (s_allowed.TryGetValue(Command, out string? allowed) && _given.Find(g => !allowed.Contains(g.Option, StringComparison.Ordinal)) is { Shown: { } shown })
        {
            throw new CliException($"Illegal option {shown} with the command {(Command == '5' ? "--set" : "-" + Command)}", CliException.Usage);
        }

        CheckTunnel();
        if ("AEDaed".Contains(Command, StringComparison.Ordinal) && Service == null)
        {
            throw new CliException("No virtual service is specified: -t, -u or --sctp-service address:port is needed.", CliException.Usage);
        }

        if ("aed".Contains(Command, StringComparison.Ordinal) && Server == null)
        {
            throw new CliException("No real server is specified: -r address[:port] is needed.", CliException.Usage);
        }
    }

    private static int Number(IReadOnlyList<string> arguments, ref int i) =>
        ++i < arguments.Count && int.TryParse(arguments[i], NumberStyles.None, CultureInfo.InvariantCulture, out int number) ? number : throw new CliException("--set option requires timeout values: tcp tcpfin udp", CliException.Usage);

    /// <summary>address:port, or an address alone (port 0); IPv6 in brackets or, without a port, bare.</summary>
    private static IPEndPoint EndPoint(string text, string shown)
    {
        bool bare = AddressText.TryParse(text.StartsWith('[') && text.EndsWith(']') ? text[1..^1] : text, out IPAddress? address);
        return bare ? new IPEndPoint(address!, 0)
            : AddressText.TryParseEndPoint(text, out IPEndPoint? endPoint) ? endPoint
            : throw new CliException($"illegal address or port in {shown} {text}: address:port is needed, for example 172.16.58.1:80 or [fd20::100]:80", CliException.Usage);
    }
}
