//! Which files are images, and which format is inside.

use std::path::Path;

use image::ImageFormat;

/// The names that torchvision's `ImageFolder` takes for images, in any case.
const EXTENSIONS: [&str; 9] =
    [".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp"];

/// What is read, with the names that messages use.
const READ: [(ImageFormat, &str); 7] = [
    (ImageFormat::Png, "PNG"),
    (ImageFormat::Jpeg, "JPEG"),
    (ImageFormat::Bmp, "BMP"),
    (ImageFormat::Pnm, "PPM or PGM"),
    (ImageFormat::Tiff, "TIFF"),
    (ImageFormat::WebP, "WebP"),
    (ImageFormat::Gif, "GIF"),
];

/// What macOS writes beside files on foreign disks, under `._` and their names.
const APPLE_DOUBLE: [u8; 4] = [0, 5, 0x16, 7];

/// Whether torchvision would take the file for an image: its name alone tells, as it does there.
/// Any other choice would shift the indices of published logs.
pub(crate) fn has_image_name(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    EXTENSIONS.iter().any(|extension| name.ends_with(extension))
}

/// The format of these bytes: the content decides, as it does for Pillow.
pub(super) fn inside(bytes: &[u8]) -> Result<ImageFormat, String> {
    match image::guess_format(bytes) {
        Ok(format) if name(format).is_some() => Ok(format),
        Ok(format) => Err(format!(
            "{} found inside, expected one of {}: convert it (`magick in out.png`)",
            format!("{format:?}").to_ascii_uppercase(),
            known()
        )),
        Err(_) => Err(unknown(bytes)),
    }
}

/// What is said of a file whose name tells another format than its content.
pub(super) fn conversion(format: ImageFormat, path: Option<&Path>) -> Option<String> {
    let named = ImageFormat::from_path(path?).ok()?;
    (named != format)
        .then(|| format!("read as {}, which it is inside", name(format).unwrap_or("?")))
}

fn name(format: ImageFormat) -> Option<&'static str> {
    READ.iter().find(|(read, _)| *read == format).map(|(_, name)| *name)
}

fn known() -> String {
    READ.map(|(_, name)| name).join(", ")
}

fn unknown(bytes: &[u8]) -> String {
    if bytes.is_empty() {
        return format!("the file is empty, expected one of {}", known());
    }
    if bytes.starts_with(&APPLE_DOUBLE) {
        return "no image: macOS left it beside the real file, delete it (`dot_clean`)".to_owned();
    }
    let first: Vec<String> = bytes.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    format!(
        "no image that is read: it begins with {}, expected one of {}",
        first.join(" "),
        known()
    )
}
