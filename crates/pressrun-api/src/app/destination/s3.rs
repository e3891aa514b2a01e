//! A bucket (D8).

use pressrun_domain::destination::{Bucket, Destination, ObjectKeyPrefix, Region, RoleArn, S3Settings};

use super::super::error::AppError;
use super::super::given::{Fields, Given};
use super::{needed, parsed};

/// Reads the fields over what is stored.
pub(super) fn read(fields: Fields<'_>, stored: Option<&Destination>) -> Result<S3Settings, AppError> {
    let stored = if let Some(Destination::S3(s3)) = stored { Some(s3) } else { None };
    let given = fields.filled("bucketName")?;
    parsed("bucketName", &given, str::parse::<Bucket>)?;
    let bucket_name = needed("bucketName", given, stored.map(|s3| s3.bucket_name.clone()))?;
    let (given_region, given_role) = (fields.filled("region")?, fields.filled("roleArn")?);
    parsed("region", &given_region, str::parse::<Region>)?;
    parsed("roleArn", &given_role, str::parse::<RoleArn>)?;
    let named = given_region.is_given() || given_role.is_given();
    let region = needed("region", given_region, stored.map(|s3| s3.region.clone()))?;
    let role_arn = needed("roleArn", given_role, stored.map(|s3| s3.role_arn.clone()))?;
    if let (true, Ok(region), Ok(role)) = (named, region.parse::<Region>(), role_arn.parse::<RoleArn>()) {
        role.fits(&region).map_err(|fault| AppError::field("roleArn", fault.to_string()))?;
    }
    let key_prefix = match fields.text("keyPrefix")? {
        Given::Absent => stored.and_then(|s3| s3.key_prefix.clone()),
        given => {
            let prefix = parsed("keyPrefix", &given, str::parse::<ObjectKeyPrefix>)?;
            prefix.map(|prefix| prefix.as_str().to_owned()).filter(|prefix| !prefix.is_empty())
        }
    };
    let filename = fields.filled("filename")?.over(stored.and_then(|s3| s3.filename.clone()));
    Ok(S3Settings { bucket_name, region, role_arn, key_prefix, filename })
}
