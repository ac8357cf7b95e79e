using System.Text;
using Forwarder.Vrrp;

namespace Forwarder.Control;

/// <summary>Words of the API for the state machine's names.</summary>
internal static class VrrpText
{
    public static string Of(VrrpState state) => state.ToString().ToLowerInvariant();

    /// <summary>Name of a counter: "BadTtl" becomes "badTtl".</summary>
    public static string Of(VrrpDecodeError error) => $"{char.ToLowerInvariant(error.ToString()[0])}{error.ToString()[1..]}";

    /// <summary>"MasterDown" becomes "master down".</summary>
    public static string Of(VrrpReason reason)
    {
        StringBuilder words = new();
        foreach (char c in reason.ToString())
        {
            words.Append(char.IsUpper(c) && words.Length > 0 ? " " : "").Append(char.ToLowerInvariant(c));
        }

        return words.ToString();
    }
}
