using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.CompilerServices;
using Forwarder.Abi;

namespace Forwarder.Engine;

/// <summary>
/// Which rule of SNAT takes a packet. A search for its source and one for its destination give the sets of rules that name them; what is in
/// both, in the rules' order, is asked for the interface. So the time does not grow with prefixes, and hardly with rules.
/// </summary>
internal static unsafe class SnatLookup
{
    /// <summary>The first rule that takes a packet: the slot of its server.</summary>
    public static bool TryFind(EngineState* state, Burst* burst, int i, in SnatTuple t, out uint server, bool byAnyInterface = false)
    {
        server = 0;
        if (state->View.SnatRuleCount == 0)
        {
            return false;
        }

        SetsOf(state, t, out SnatSetEntry* bySource, out SnatSetEntry* byDestination);
        int words = (state->View.SnatRuleCount + SnatSetEntry.WordBits - 1) / SnatSetEntry.WordBits;
        for (int word = 0; word < words; word++)
        {
            for (ulong both = bySource->Bits[word] & byDestination->Bits[word]; both != 0; both &= both - 1)
            {
                SnatRuleEntry* rule = state->View.SnatRules + (word * SnatSetEntry.WordBits) + BitOperations.TrailingZeroCount(both);
                if (byAnyInterface || IsFrom(state, burst, i, rule))
                {
                    server = rule->Server;
                    return true;
                }
            }
        }

        return false;
    }

    /// <summary>Whether a rule takes a packet, be it that others before it do as well.</summary>
    public static bool Takes(EngineState* state, Burst* burst, int i, int rule, in SnatTuple t)
    {
        SetsOf(state, t, out SnatSetEntry* bySource, out SnatSetEntry* byDestination);
        return bySource->Has(rule) && byDestination->Has(rule) && IsFrom(state, burst, i, state->View.SnatRules + rule);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool IsFrom(EngineState* state, Burst* burst, int i, SnatRuleEntry* rule) =>
        rule->Interface == SnatRuleEntry.AnyInterface || (state->View.Interfaces[rule->Interface].Port == burst->Ingress && state->View.Interfaces[rule->Interface].Vlan == burst->Vlan[i]);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void SetsOf(EngineState* state, in SnatTuple t, out SnatSetEntry* bySource, out SnatSetEntry* byDestination)
    {
        SnatSetEntry* sets = state->View.SnatSets;
        if (t.IpVersion == 4)
        {
            bySource = sets + state->View.SnatSources4.Find(0, BinaryPrimitives.ReverseEndianness((uint)t.Client.High));
            byDestination = sets + state->View.SnatDestinations4.Find(0, BinaryPrimitives.ReverseEndianness((uint)t.Destination.High));
            return;
        }

        bySource = sets + state->View.SnatSources6.Find(BinaryPrimitives.ReverseEndianness(t.Client.High), BinaryPrimitives.ReverseEndianness(t.Client.Low));
        byDestination = sets + state->View.SnatDestinations6.Find(BinaryPrimitives.ReverseEndianness(t.Destination.High), BinaryPrimitives.ReverseEndianness(t.Destination.Low));
    }
}
