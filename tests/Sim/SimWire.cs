namespace Forwarder.Sim.Tests;

/// <summary>One broadcast segment. Delays differ from packet to packet, so packets overtake each other.</summary>
internal sealed class SimWire(SimScenario scenario, SimRandom random)
{
    private readonly int[] _part = new int[scenario.Routers.Count];
    private bool _isHealed;

    public bool IsCut => _part.Any(part => part != _part[0]);

    /// <summary>Puts each router on one of two sides.</summary>
    public void Cut()
    {
        for (int i = 0; i < _part.Length; i++)
        {
            _part[i] = random.Below(2);
        }
    }

    public void Join() => Array.Clear(_part);

    /// <summary>From now on nothing is cut, lost, doubled or damaged.</summary>
    public void Heal()
    {
        Join();
        _isHealed = true;
    }

    /// <summary>When and how a packet arrives at each of the others; nothing, once, or twice.</summary>
    public void Carry(int sender, byte[] packet, Action<int, long, byte[]> deliver)
    {
        for (int receiver = 0; receiver < _part.Length; receiver++)
        {
            if (receiver == sender || _part[receiver] != _part[sender] || IsHit(scenario.LossPercent))
            {
                continue;
            }

            deliver(receiver, DelayNs(), Damaged(packet));
            if (IsHit(scenario.DuplicatePercent))
            {
                deliver(receiver, DelayNs(), packet);
            }
        }
    }

    private bool IsHit(double percent) => !_isHealed && random.Percent(percent);

    private long DelayNs() => random.Between(scenario.DelayMinNs, scenario.DelayMaxNs);

    private byte[] Damaged(byte[] packet)
    {
        if (!IsHit(scenario.CorruptPercent))
        {
            return packet;
        }

        // Traffic class and flow label of IPv6 are covered by no checksum and have no meaning here.
        int first = (packet[0] >> 4) == 6 ? 32 : 0;
        int bit = first + random.Below((packet.Length * 8) - first);
        byte[] damaged = [.. packet];
        damaged[bit / 8] ^= (byte)(1 << (bit % 8));
        return damaged;
    }
}
