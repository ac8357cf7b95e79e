using System.Text;
using Forwarder.Vrrp;

namespace Forwarder.Control;

/// <summary>Words of the API for the state machine's names.</summary>
internal static class VrrpText
{
    public static string Of(VrrpState state) => state.ToString().ToLowerInvariant();

    /// <summary>"AdvertisementsMissing" becomes "advertisements missing".</summary>
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
