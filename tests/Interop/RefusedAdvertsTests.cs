using System.Buffers.Binary;
using Forwarder.Api;
using Forwarder.Lab;

namespace Forwarder.Interop.Tests;

/// <summary>Advertisements that a director must not act upon, each sent with a priority that would depose it, each counted under its own name.</summary>
public sealed class RefusedAdvertsTests : IDisposable
{
    private const string RivalMac = "02:00:00:00:00:09", Rival = "172.16.58.3", Own = "172.16.58.2", Group = "224.0.0.18", GroupMac = "01:00:5e:00:00:12";
    private const string V3Vip = S1Lab.Vip, V2Vip = "172.16.58.52", UnicastVip = "172.16.58.53", OldFormVip = "172.16.58.54";
    private const byte V3 = 51, V2 = 52, Unicast = 53, OldForm = 54, Priority = 250;
    private static readonly string[] s_groups = ["v3", "v2", "unicast", "oldform"];

    private readonly S1Lab _lab = new();
    private readonly RawPort _port;

    public RefusedAdvertsTests()
    {
        _port = new RawPort(_lab.Host("rival", "e0", RivalMac, $"{Rival}/16", "fd16::3/64"), "e0");
        _lab.Director.Configuration = $$"""
            {
              "dataplane": { "flowsPerWorker": 65536, "ports": [ { "name": "lan0", "device": "net_af_packet0,iface=d0", "exception": "fwd0" } ] },
              "interfaces": [ { "name": "lan0", "port": "lan0", "addresses": [ "{{S1Lab.Dip}}" ] } ],
              "vrrp": [ { "name": "v3", "interface": "lan0", "vrid": {{V3}}, "addresses": [ "{{V3Vip}}" ], "intervalCs": 20 },
                        { "name": "v2", "interface": "lan0", "vrid": {{V2}}, "addresses": [ "{{V2Vip}}" ], "version": 2, "password": "s3cret12" },
                        { "name": "unicast", "interface": "lan0", "vrid": {{Unicast}}, "addresses": [ "{{UnicastVip}}" ], "intervalCs": 20, "peers": [ "172.16.58.4" ] },
                        { "name": "oldform", "interface": "lan0", "vrid": {{OldForm}}, "addresses": [ "{{OldFormVip}}" ], "intervalCs": 20, "checksumWithoutPseudoHeader": true } ]
            }
            """;
    }

    public void Dispose()
    {
        _port.Dispose();
        _lab.Dispose();
    }

    [Fact]
    public void Each_is_counted_under_its_own_name_and_none_deposes_the_director()
    {
        _lab.Director.Start();
        Wait.Until(() => Views().Count == s_groups.Length && Views().All(v => v.State == "active"), "the director is active for all groups", 20_000);
        byte[] good3 = Advert(3, V3, 20, V3Vip), good2 = Advert(2, V2, 1, V2Vip, "s3cret12");
        (string Counter, byte[] Packet)[] refused =
        [
            ("badTtl", Packet(good3, ttl: 254)),
            ("badVersion", Packet(Sealed(With(good3, 0, 0x41), 3))),
            ("badVersion", Packet(Sealed(With(good3, 0, 0x11), 3))),
            ("badType", Packet(Sealed(With(good3, 0, 0x32), 3))),
            ("badLength", Packet(good3[..7])),
            ("badLength", Packet(Sealed(With(good3, 3, 2), 3))),                    // says two addresses, has one
            ("badChecksum", Packet(With(good3, 7, (byte)(good3[7] ^ 1)))),
            ("badChecksum", Packet(With(good2, 7, (byte)(good2[7] ^ 1)))),
            ("checksumFormMismatch", Packet(Sealed(good3, 2))),                     // without the pseudo-header
            ("checksumFormMismatch", Packet(Advert(3, OldForm, 20, OldFormVip))),   // with it, where it is left out
            ("badVrid", Packet(Advert(3, 99, 20, V3Vip))),
            ("badVrid", Packet(Sealed(Advert(3, 99, 20, V3Vip), 2))),              // either form is right for a group that is not here
            ("badTtl", Packet(Advert(3, 99, 20, V3Vip), ttl: 64)),
            ("versionMismatch", Packet(Advert(2, V3, 1, V3Vip))),
            ("invalidAuthType", Packet(Sealed(With(good2, 4, 3), 2))),
            ("authTypeMismatch", Packet(Advert(2, V2, 1, V2Vip))),                  // no password
            ("authFailure", Packet(Advert(2, V2, 1, V2Vip, "another1"))),
            ("intervalMismatch", Packet(Advert(2, V2, 2, V2Vip, "s3cret12"))),
            ("intervalMismatch", Packet(Advert(3, V3, 0, V3Vip))),
            ("addressListMismatch", Packet(Advert(3, V3, 20, "172.16.58.99"))),
            ("badDestination", Packet(Advert(3, V3, 20, V3Vip, destination: Own), destination: Own)),
            ("unknownPeer", Packet(Advert(3, Unicast, 20, UnicastVip, destination: Own), destination: Own)),
        ];

        foreach ((string counter, byte[] packet) in refused)
        {
            Dictionary<string, long> before = Refusals();
            _port.Send(Interop.Tests.Packet.Frame(packet[16] >= 224 ? GroupMac : S1Lab.DirectorMac, RivalMac, packet));
            before[counter]++;
            Wait.Until(() => Refusals()[counter] == before[counter], $"{counter} counts {Convert.ToHexString(packet)}; counted: {Changed(before)}");
            Assert.Equal("", Changed(before));
        }

        Dictionary<string, long> ofV2 = Views().Single(v => v.Name == "v2").Counters.ToDictionary();
        Assert.Equal([1L, 1L, 1L, 1L, 1L, 0L], new[] { "badChecksum", "invalidAuthType", "authTypeMismatch", "authFailure", "intervalMismatch", "badTtl" }.Select(c => ofV2[c]));
        Assert.Equal("intervalMismatch", Views().Single(v => v.Name == "v2").LastRefusal);

        Assert.All(Views(), v => Assert.Equal((v.Name, "active", 0L), (v.Name, v.State, v.Counters["advertsReceived"])));

        // What is right is acted upon: nothing but the fault that was built in kept the others out.
        _port.Send(Interop.Tests.Packet.Frame(GroupMac, RivalMac, Packet(good3)));
        _port.Send(Interop.Tests.Packet.Frame(GroupMac, RivalMac, Packet(good2)));
        _port.Send(Interop.Tests.Packet.Frame(GroupMac, RivalMac, Packet(Sealed(Advert(3, OldForm, 20, OldFormVip), 2))));
        Wait.Until(() => Views().Where(v => v.Name != "unicast").All(v => v.State == "backup"), "the good ones depose it");
        Assert.Equal("active", Views().Single(v => v.Name == "unicast").State);
    }

    private IReadOnlyList<VrrpGroupView> Views() => _lab.Director.Api.TryGet("v1/vrrp", ApiJson.Default.IReadOnlyListVrrpGroupView) ?? [];

    /// <summary>The interface's counters of what was refused.</summary>
    private Dictionary<string, long> Refusals()
    {
        const string Prefix = "interface.";
        string[] others = ["sendErrors", "peersUnresolved", "stops"];
        return Views()[0].Counters.Where(c => c.Key.StartsWith(Prefix, StringComparison.Ordinal)).Select(c => (Name: c.Key[Prefix.Length..], c.Value)).Where(c => !others.Contains(c.Name)).ToDictionary(c => c.Name, c => c.Value);
    }

    private string Changed(Dictionary<string, long> expected) => string.Join(", ", Refusals().Where(c => expected[c.Key] != c.Value).Select(c => $"{c.Key} {c.Value - expected[c.Key]:+0;-0}"));

    /// <summary>An advertisement with a right checksum, written here from RFC 9568 section 5.2 and RFC 2338 section 5.3; interval in cs (version 3) or s.</summary>
    private static byte[] Advert(int version, byte vrid, int interval, string vip, string? password = null, string destination = Group)
    {
        byte[] address = System.Net.IPAddress.Parse(vip).GetAddressBytes();
        byte[] message = version == 3
            ? [0x31, vrid, Priority, 1, (byte)(interval >> 8), (byte)interval, 0, 0, .. address]
            : [0x21, vrid, Priority, 1, (byte)(password == null ? 0 : 1), (byte)interval, 0, 0, .. address, .. System.Text.Encoding.ASCII.GetBytes((password ?? "").PadRight(8, '\0'))];
        return Sealed(message, version, destination);
    }

    /// <summary>With the checksum as that version has it.</summary>
    private static byte[] Sealed(byte[] message, int version, string destination = Group)
    {
        byte[] good = [.. message];
        (good[6], good[7]) = (0, 0);
        byte[] pseudo = version == 2 ? [] : [.. System.Net.IPAddress.Parse(Rival).GetAddressBytes(), .. System.Net.IPAddress.Parse(destination).GetAddressBytes(), 0, 112, 0, (byte)good.Length];
        BinaryPrimitives.WriteUInt16BigEndian(good.AsSpan(6), Interop.Tests.Packet.Sum([.. pseudo, .. good]));
        return good;
    }

    private static byte[] Packet(byte[] message, byte ttl = 255, string destination = Group) => Interop.Tests.Packet.Ip(Rival, destination, 112, message, ttl);

    private static byte[] With(byte[] bytes, int at, byte value)
    {
        byte[] changed = [.. bytes];
        changed[at] = value;
        return changed;
    }
}
