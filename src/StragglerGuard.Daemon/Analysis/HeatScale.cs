namespace StragglerGuard.Daemon.Analysis;

/// <summary>From how bad something is to a character or a colour.</summary>
internal static class HeatScale
{
    /// <summary>Shades from nothing to the worst.</summary>
    public const string Shades = "·░▒▓█";

    // Lightness alone tells the order, for whoever doesn't see colours: from pale to dark.
    private static readonly string[] Colours =
        ["#f7f7f2", "#fdebc8", "#fdd49e", "#fdbb84", "#fc8d59", "#ef6548", "#d7301f", "#b30000", "#7f0000"];

    /// <summary>A slowdown, 1 … 2 and beyond, on a scale of 0 … 1.</summary>
    public static double OfSlowdown(double slowdown) => double.IsNaN(slowdown) ? 0 : Math.Clamp(slowdown - 1, 0, 1);

    public static char Shade(double heat) => Shades[Place(heat, Shades.Length)];

    public static string Colour(double heat) => Colours[Place(heat, Colours.Length)];

    /// <summary>Whether text on the colour must be white.</summary>
    public static bool IsDark(double heat) => Place(heat, Colours.Length) >= 5;

    // The first place is for next to nothing, the others divide the rest.
    private static int Place(double heat, int places) =>
        heat < 0.02 ? 0 : Math.Min(places - 1, 1 + (int)(heat * (places - 1)));
}
