using Forwarder.Dataplane;

namespace Forwarder.Unit.Tests.Ports;

/// <summary>A port's filters as a card keeps them, with as much room and as many abilities as the test gives it.</summary>
internal sealed unsafe class CardWithFilters : IPortFilters
{
    private const int NoSpace = -28;

    public int MacsMax { get; set; } = 15;

    public bool HasList { get; set; } = true;

    public bool HasAllMulticast { get; set; } = true;

    public bool HasPromiscuous { get; set; } = true;

    /// <summary>Null: the host's groups cannot be asked for.</summary>
    public List<string>? HostGroups { get; set; } = [];

    public HashSet<string> Multicast { get; private set; } = [];

    public HashSet<string> Macs { get; } = [];

    public bool AllMulticast { get; private set; } = true;   // as a port is started

    public bool Promiscuous { get; private set; }

    public int Calls { get; private set; }

    int IPortFilters.SetMulticast(int port, byte* macs, int count)
    {
        Calls++;
        if (!HasList)
        {
            return IPortFilters.NotSupported;
        }

        string hex = Convert.ToHexString(new ReadOnlySpan<byte>(macs, count * 6));
        Multicast = [.. hex.Chunk(12).Select(c => new string(c))];
        return 0;
    }

    int IPortFilters.SetAllMulticast(int port, bool on)
    {
        AllMulticast = HasAllMulticast && on;
        return HasAllMulticast ? 0 : IPortFilters.NotSupported;
    }

    int IPortFilters.SetPromiscuous(int port, bool on)
    {
        Promiscuous = HasPromiscuous && on;
        return HasPromiscuous ? 0 : IPortFilters.NotSupported;
    }

    int IPortFilters.AddMac(int port, ulong mac)
    {
        Calls++;
        return MacsMax == 0 ? IPortFilters.NotSupported : Macs.Count >= MacsMax ? NoSpace : Macs.Add(Text(mac)) ? 0 : throw new InvalidOperationException("Added twice.");
    }

    int IPortFilters.RemoveMac(int port, ulong mac) => Macs.Remove(Text(mac)) ? 0 : throw new InvalidOperationException("It was not there.");

    int IPortFilters.HostMulticast(int port, byte* macs, int capacity)
    {
        for (int i = 0; i < Math.Min(HostGroups?.Count ?? 0, capacity); i++)
        {
            Convert.FromHexString(HostGroups![i]).CopyTo(new Span<byte>(macs + (i * 6), 6));
        }

        return HostGroups?.Count ?? -19;
    }

    private static string Text(ulong mac) => Convert.ToHexString(BitConverter.GetBytes(mac)[..6]);
}
