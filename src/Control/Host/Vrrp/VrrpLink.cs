using Forwarder.Vrrp;

namespace Forwarder.Control;

/// <summary>A port and VLAN on which VRRP is spoken: its socket, its frames, and who listens there.</summary>
public sealed class VrrpLink : IDisposable
{
    private readonly long[] _counts = new long[Enum.GetValues<VrrpDecodeError>().Length];
    private VrrpReceiver _receiver = new([]);
    private int[] _listeners = [];

    /// <summary>Opens the socket.</summary>
    /// <exception cref="IOException">There is no such interface, or the right is missing (CAP_NET_RAW).</exception>
    public VrrpLink(string device, ushort vlan)
    {
        Socket = new VrrpSocket(device, vlan);
        Frames = new VrrpFrames(Socket.Mac, vlan);
    }

    /// <summary>MAC address of the port.</summary>
    public IReadOnlyList<byte> Mac => Socket.Mac;

    /// <summary>Frames that the port did not take.</summary>
    public long SendErrors { get; private set; }

    /// <summary>Advertisements not sent because a peer's MAC address is not known.</summary>
    public long PeersUnresolved { get; internal set; }

    internal VrrpSocket Socket { get; }

    internal VrrpFrames Frames { get; }

    /// <summary>Packets that ended so; <see cref="VrrpDecodeError.None"/> counts the good ones.</summary>
    public long Count(VrrpDecodeError error) => _counts[(int)error];

    /// <inheritdoc/>
    public void Dispose() => Socket.Dispose();

    /// <summary>Says which members listen here, by their indices.</summary>
    internal void SetListeners(IReadOnlyList<(int Index, VrrpConfig Config)> listeners)
    {
        _receiver = new VrrpReceiver([.. listeners.Select(l => l.Config)]);
        _listeners = [.. listeners.Select(l => l.Index)];
    }

    /// <summary>The next packet and the index of the member that it is for; false if none waits.</summary>
    internal bool TryReceive(out VrrpReceived received)
    {
        received = default;
        if (Socket.Receive(out long ageNs) is not { IsEmpty: false } packet)
        {
            return false;
        }

        received = _receiver.Receive(packet);
        received = received with { Event = received.Event with { AgeNs = ageNs } };
        _counts[(int)received.Error]++;
        if (received.Instance != VrrpReceiver.NoInstance)
        {
            received = received with { Instance = _listeners[received.Instance] };
        }

        return true;
    }

    internal bool TrySend(ReadOnlySpan<byte> frame)
    {
        bool taken = Socket.TrySend(frame);
        SendErrors += taken ? 0 : 1;
        return taken;
    }
}
