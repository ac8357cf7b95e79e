namespace Forwarder.Vrrp.Tests;

internal static class EffectAssert
{
    public static void Kinds(List<VrrpEffect> effects, params VrrpEffectKind[] expected) =>
        Assert.Equal(expected, effects.Select(effect => effect.Kind));

    public static VrrpEffect Only(List<VrrpEffect> effects, VrrpEffectKind kind) =>
        Assert.Single(effects, effect => effect.Kind == kind);

    public static int Count(List<VrrpEffect> effects, VrrpEffectKind kind) => effects.Count(effect => effect.Kind == kind);
}
