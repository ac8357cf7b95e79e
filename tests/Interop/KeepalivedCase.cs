using Forwarder.Vrrp;

namespace Forwarder.Interop.Tests;

/// <summary>What both routers agree on.</summary>
public sealed record KeepalivedCase(string Name, VrrpVersion Version, int IntervalCs, string? Password = null, bool IsIPv6 = false)
{
    public const byte Vrid = 51;

    public static KeepalivedCase Version2Password { get; } = new("version 2, PASS, 1 s", VrrpVersion.V2, 100, "s3cret12");

    public static KeepalivedCase Version2 { get; } = new("version 2, 1 s", VrrpVersion.V2, 100);

    public static KeepalivedCase Version3Fast { get; } = new("version 3, 0.1 s", VrrpVersion.V3, 10);

    public static KeepalivedCase Version3IPv6 { get; } = new("version 3, IPv6, 0.1 s", VrrpVersion.V3, 10, IsIPv6: true);

    /// <summary>In the order in which both advertise them; for IPv6 the link-local one first (RFC 9568 section 5.2.9).</summary>
    public IReadOnlyList<string> Vips => IsIPv6 ? ["fe80::20:100", "fd20::100"] : ["10.77.0.100"];

    public int IntervalMs => IntervalCs * 10;

    /// <summary>Our side.</summary>
    public VrrpConfig Ours(byte priority) => new()
    {
        Version = Version,
        Vrid = Vrid,
        Priority = priority,
        IntervalCs = IntervalCs,
        PrimaryAddress = VrrpAddress.Parse(IsIPv6 ? "fe80::1" : "10.77.0.1"),
        Addresses = [.. Vips.Select(VrrpAddress.Parse)],
        AuthType = Password == null ? VrrpAuthType.None : VrrpAuthType.SimpleText,
        AuthData = Password == null ? default : System.Text.Encoding.ASCII.GetBytes(Password),
    };

    /// <summary>keepalived.conf of the other side.</summary>
    public string Theirs(byte priority, string device) => $$"""
        global_defs {
          router_id theirs
          vrrp_version {{(int)Version}}
          vrrp_garp_master_delay 1
        }
        vrrp_instance V {
          state BACKUP
          interface {{device}}
          virtual_router_id {{Vrid}}
          priority {{priority}}
          advert_int {{(IntervalCs / 100.0).ToString(System.Globalization.CultureInfo.InvariantCulture)}}
          {{(Password == null ? "" : $"authentication {{\n auth_type PASS\n auth_pass {Password}\n }}")}}
          virtual_ipaddress {
            {{string.Join("\n    ", Vips.Select(v => v + (IsIPv6 ? "/64" : "/24")))}}
          }
        }
        """;

    public override string ToString() => Name;
}
