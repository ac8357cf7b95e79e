using System.Net;
using System.Net.Sockets;
using Forwarder.Abi;

namespace Forwarder.Control;

/// <summary>Next hops with the number of real servers that are reached by each, neighbours that are watched, and gateways of SNAT; who is used by none gives its slot back.</summary>
public sealed class NextHopTable(SlotAllocator<(int Interface, IPAddress Address)> slots)
{
    private readonly Dictionary<(int Interface, IPAddress Address), int> _uses = [];
    private HashSet<(int Interface, IPAddress Address)> _watched = [], _gateways = [];

    /// <summary>Counts a real server's use.</summary>
    public void Use(ServerModel server)
    {
        System.Runtime.InteropServices.CollectionsMarshal.GetValueRefOrAddDefault(_uses, (server.Interface, server.Address), out _)++;
    }

    /// <summary>Takes a use back; the slot stays until <see cref="FreeUnused"/>.</summary>
    public void Release(ServerModel server) => _uses[(server.Interface, server.Address)]--;

    /// <summary>Frees the slots of those among the given that nobody uses.</summary>
    public void FreeUnused(IEnumerable<ServerModel> released)
    {
        foreach (ServerModel server in released)
        {
            (int, IPAddress) key = (server.Interface, server.Address);
            if (_uses.TryGetValue(key, out int uses) && uses == 0)
            {
                _uses.Remove(key);
                slots.Free(key);
            }
        }
    }

    /// <summary>Takes these in place of those watched before: VRRP peers, tracked neighbours.</summary>
    public void SetWatched(IEnumerable<(int Interface, IPAddress Address)> watched) => Exchange(ref _watched, watched);

    /// <summary>Takes these in place of the gateways before.</summary>
    public void SetGateways(IEnumerable<(int Interface, IPAddress Address)> gateways) => Exchange(ref _gateways, gateways);

    private void Exchange(ref HashSet<(int Interface, IPAddress Address)> set, IEnumerable<(int Interface, IPAddress Address)> next)
    {
        HashSet<(int Interface, IPAddress Address)> before = set;
        set = [.. next];
        foreach ((int Interface, IPAddress Address) hop in set)
        {
            System.Runtime.InteropServices.CollectionsMarshal.GetValueRefOrAddDefault(_uses, hop, out _)++;
        }

        foreach ((int Interface, IPAddress Address) hop in before.Where(p => --_uses[p] == 0))
        {
            _uses.Remove(hop);
            slots.Free(hop);
        }
    }

    /// <summary>The slot of a real server's next hop.</summary>
    public int SlotOf(ServerModel server) => SlotOf(server.Interface, server.Address);

    /// <summary>The slot of a next hop.</summary>
    public int SlotOf(int by, IPAddress address) => slots.Take((by, address));

    /// <summary>Adds the entries of all.</summary>
    public void AddTo(SnapshotContent content)
    {
        foreach ((int at, IPAddress address) in _uses.Keys)
        {
            (ulong high, ulong low) = SnapshotCompiler.Words(address);
            content.NextHops.Put(slots.Take((at, address)), new NextHopEntry
            {
                High = high, Low = low, Interface = (ushort)at, IpVersion = (byte)(address.AddressFamily == AddressFamily.InterNetwork ? 4 : 6), IsWatched = (byte)(_watched.Contains((at, address)) ? 1 : 0),
            });
        }
    }
}
