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

    public static KeepalivedCase Version2Unicast { get; } = new("version 2, unicast, PASS, 1 s", VrrpVersion.V2, 100, "s3cret12") { IsUnicast = true };

    public static KeepalivedCase Version3Unicast { get; } = new("version 3, unicast, 0.1 s", VrrpVersion.V3, 10) { IsUnicast = true };

    public static KeepalivedCase Version3IPv6Unicast { get; } = new("version 3, IPv6, unicast, 0.1 s", VrrpVersion.V3, 10, IsIPv6: true) { IsUnicast = true };

    public static KeepalivedCase VirtualMac4 { get; } = new("version 3, virtual MAC, 0.1 s", VrrpVersion.V3, 10) { HasVirtualMac = true };

    public static KeepalivedCase VirtualMac6 { get; } = new("version 3, IPv6, virtual MAC, 0.1 s", VrrpVersion.V3, 10, IsIPv6: true) { HasVirtualMac = true };

    /// <summary>Advertisements go to the other router's address.</summary>
    public bool IsUnicast { get; init; }

    /// <summary>The addresses are at the virtual router's MAC address.</summary>
    public bool HasVirtualMac { get; init; }

    /// <summary>Addresses of the two routers.</summary>
    public string OurAddress => IsIPv6 ? "fe80::1" : "10.77.0.1";

    public string TheirAddress => IsIPv6 ? "fe80::2" : "10.77.0.2";

    /// <summary>TTL of keepalived's advertisements: over unicast IPv6 the kernel's default, unless it is told otherwise (unicast_ttl).</summary>
    public byte TheirTtl => IsUnicast && IsIPv6 ? (byte)64 : VrrpLimits.Ttl;

    /// <summary>Destination of advertisements: the other router, or the group.</summary>
    public string TargetOf(string peer) => IsUnicast ? peer : IsIPv6 ? "ff02::12" : "224.0.0.18";

    /// <summary>MAC address of that.</summary>
    public string TargetMacOf(string peerMac) => IsUnicast ? peerMac : IsIPv6 ? "33:33:00:00:00:12" : "01:00:5e:00:00:12";

    /// <summary>Source MAC address of a router's advertisements and announcements.</summary>
    public string SourceMacOf(string mac) => HasVirtualMac ? $"00:00:5e:00:0{(IsIPv6 ? 2 : 1)}:33" : mac;

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
        PrimaryAddress = VrrpAddress.Parse(OurAddress),
        UnicastMinTtl = TheirTtl,
        UnicastPeers = IsUnicast ? [VrrpAddress.Parse(TheirAddress)] : [],
        VirtualMac = HasVirtualMac,
        Addresses = [.. Vips.Select(VrrpAddress.Parse)],
        AuthType = Password == null ? VrrpAuthType.None : VrrpAuthType.SimpleText,
        AuthData = Password == null ? default : System.Text.Encoding.ASCII.GetBytes(Password),
    };

    /// <summary>keepalived.conf of the other side, with further lines for its instance.</summary>
    public string Theirs(byte priority, string device, string more = "") => $$"""
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
          {{(IsUnicast ? $"unicast_src_ip {TheirAddress}\n unicast_peer {{\n {OurAddress}\n }}" : "")}}
          {{(HasVirtualMac ? "use_vmac vrrp.51" : "")}}
          {{more}}
          virtual_ipaddress {
            {{string.Join("\n    ", Vips.Select(v => v + (IsIPv6 ? "/64" : "/24")))}}
          }
        }
        """;

    public override string ToString() => Name;
}
